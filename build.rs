//! Sets the cfg `fast`; names the shared library and keeps it in memory; with the feature `header`, writes the headers in
//! `include/` anew.

#[cfg(feature = "header")]
#[path = "cbindgen/header.rs"]
mod header;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // `fast` marks what is only there to be fast. A device has no room for it.
    println!("cargo::rustc-check-cfg=cfg(fast)");
    if std::env::var_os("CARGO_FEATURE_STD").is_some() {
        println!("cargo::rustc-cfg=fast");
    }
    // The tests build C programs, for the machine that they are built for themselves.
    for name in ["HOST", "TARGET"] {
        let triple = std::env::var(name).unwrap_or_default();
        println!("cargo::rustc-env=SDS_SMTP_{name}={triple}");
    }
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        let major = std::env::var("CARGO_PKG_VERSION_MAJOR").unwrap_or_default();
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libsds_smtp.so.{major}");
        // The library has a thread of its own: unloading it would take the code away under that thread.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    #[cfg(feature = "header")]
    header::write();
}
