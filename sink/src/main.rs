//! The server as a program: reads its options, serves, and ends when the mails that it waits for have come.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use mail_sink::options;
use mail_sink::sink::Sink;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{}", options::HELP);
        return ExitCode::SUCCESS;
    }
    let opened = options::parse(arguments.into_iter())
        .and_then(|options| Sink::open(options).map_err(|error| error.to_string()));
    match opened {
        Ok((sink, listener)) => {
            let serving = Arc::clone(&sink);
            thread::spawn(move || serving.serve(&listener));
            ExitCode::from(u8::from(!sink.wait()))
        }
        Err(message) => {
            eprintln!("mail_sink: {message}");
            ExitCode::from(2)
        }
    }
}
