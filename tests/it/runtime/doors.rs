//! Listeners that a helper makes and hands over, as for the network of a rootless engine.

use devenv::runtime::engine::doors::Way;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

/// Into no other network: what is handed over can be reached from here.
fn here() -> Way {
    Way { program: "env", arguments: vec!["--".into()] }
}

fn helper() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_devenv"))
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_helper_hands_over_what_it_listens_at_and_ends_when_it_is_let_go() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = vec![free(), taken.local_addr().unwrap(), free()];
    let mut opened = here().open(helper(), addresses.clone()).await.unwrap();
    let listeners = std::mem::take(&mut opened.listeners);
    let there: Vec<bool> = listeners.iter().map(Option::is_some).collect();
    assert_eq!(there, [true, false, true], "one address has a listener already");
    opened.close().await;
    // The helper has gone; what it handed over is ours.
    for listener in listeners.into_iter().flatten() {
        let at = listener.local_addr().unwrap();
        assert!(addresses.contains(&at), "{at}");
        let mut caller = TcpStream::connect(at).unwrap();
        caller.write_all(b"?").unwrap();
        listener.set_nonblocking(false).unwrap();
        let (mut called, _) = listener.accept().unwrap();
        let mut heard = [0];
        called.read_exact(&mut heard).unwrap();
        assert_eq!(heard, *b"?");
    }
}

#[tokio::test]
async fn a_way_that_leads_nowhere_and_an_address_that_cannot_be_had_are_told() {
    let missing = Way { program: "devenv-no-such-program", arguments: vec![] };
    let why = missing.open(helper(), vec![free()]).await.unwrap_err();
    assert!(why.starts_with("devenv-no-such-program: "), "{why}");
    let refused = ["-c", "echo the user has no namespaces >&2"].map(str::to_owned);
    let refused = Way { program: "sh", arguments: refused.into() };
    let why = refused.open(helper(), vec![free()]).await.unwrap_err();
    assert_eq!(why, "sh: the user has no namespaces");
    let elsewhere = "[2001:db8::1]:9".parse().unwrap();
    let why = here().open(helper(), vec![elsewhere]).await.unwrap_err();
    assert!(why.contains("[2001:db8::1]:9 inside the engine's network"), "{why}");
}
