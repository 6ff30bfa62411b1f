//! `seeds FOLDER CORPUS`: makes inputs of the dialogues in FOLDER, in CORPUS/TARGET for each target. Those that there are
//! stay.

use std::path::Path;

use sds_smtp_fuzz::{calls, challenges, dialogue};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, corpus] = arguments.as_slice() else {
        eprintln!("usage: seeds FOLDER CORPUS");
        std::process::exit(2);
    };
    let mut dialogues = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for (number, (target, input)) in dialogue::inputs(&std::fs::read_to_string(&path)?).iter().enumerate() {
            let folder = Path::new(corpus).join(target);
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join(format!("{name}-{number}")), input)?;
        }
        dialogues += 1;
    }
    assert!(dialogues > 0, "no dialogues in the folder");
    let folder = Path::new(corpus).join("calls");
    std::fs::create_dir_all(&folder)?;
    let mails = calls::mails();
    assert_eq!(calls::play(&mails), 2, "the mails of the calls' seed are not sent");
    assert_eq!(
        calls::ends_told(),
        1,
        "the end of a mail of the calls' seed is not told"
    );
    std::fs::write(folder.join("mails"), mails)?;
    let lists = [
        "mail.example.org:587,192.0.2.1",
        "[2001:db8::1]:465,fe80::1%lo",
        "b\u{FC}cher.example., ::ffff:192.0.2.1",
    ];
    for (number, list) in lists.iter().enumerate() {
        let folder = Path::new(corpus).join("servers");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("list-{number}")), format!("\0\x19{list}"))?;
    }
    let urls = [
        "smtp://u:p@h:25/",
        "smtp+starttls://sds%40example.org:%C3%A9@mail.example.org",
        "smtps://[fe80::1%25lo]:465",
    ];
    for (number, url) in urls.iter().enumerate() {
        let folder = Path::new(corpus).join("url");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("url-{number}")), url)?;
    }
    let server_first: &[u8] = b"r=\x0emore,s=c2FsdA==,i=2";
    let seeds: [(u8, bool, &[&[u8]]); 8] = [
        (1, false, &[server_first, b"v=c2lnbmF0dXJl"]),
        (16, false, &[server_first, b"e=invalid-proof"]),
        (32, false, &[b"", server_first, b""]),
        (48, true, &[b"m=x,r=\x0e,s=,i=0"]),
        (8, false, &[b"<1896.697170952@postoffice.example>"]),
        (64, true, &[b"{\"status\":\"400\"}"]),
        (128, true, &[b"", b"{\"status\":\"invalid_token\"}"]),
        (6, false, &[b"", b"Username:", b"Password:"]),
    ];
    for (number, (auth, verified, said)) in seeds.iter().enumerate() {
        let folder = Path::new(corpus).join("challenges");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(
            folder.join(format!("login-{number}")),
            challenges::input(*auth, *verified, said),
        )?;
    }
    println!("seeds of {dialogues} dialogues");
    Ok(())
}
