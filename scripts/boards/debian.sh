# shellcheck shell=bash
# Fetches a source package of Debian's into the target folder. It is sourced, never run; it leaves the caller at the top of the
# checkout.
#
# The machine's own list of package sources stays as it is: a list of our own, with all that apt writes, is kept beside the
# sources. The archive is the one that the machine's list names.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

# fetch_source NAME PLACE: the folder of the package's sources comes to stand in PLACE.
fetch_source() {
  local name=$1 place=$2 archive
  command -v apt-get >/dev/null || die "this needs apt-get; or unpack $name's source in $place"
  # Without the lists of packages the origins are not known.
  # shellcheck disable=SC2016 # apt's own variables
  mapfile -t archive < <(
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Origin: Debian' 'Component: main' 'Created-By: Packages' |
      sort -u
  )
  ((${#archive[@]})) || die 'apt knows no archive of Debian; run apt-get update first'
  mkdir -p "$place/lists/partial" "$place/cache/archives/partial"
  printf 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s\n' "${archive[@]}" >"$place/sources.list"
  cat >"$place/apt.conf" <<C
Dir::Etc::sourcelist "$place/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$place/lists";
Dir::Cache "$place/cache";
APT::Sandbox::User "";
C
  export APT_CONFIG=$place/apt.conf
  (
    cd "$place"
    apt-get -qq update
    apt-get -qq source --download-only "$name"
    # Into place in one step, so that half of it never stands there.
    rm -rf new
    mkdir new
    tar -C new -xf "$name"_*.orig.tar.*
    mv new/* .
    rmdir new
  ) >&2
}
