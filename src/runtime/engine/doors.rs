//! Doors: listeners inside the network of an engine that runs without root. Its bridges lie in a network
//! namespace of their own, from which nothing of this machine's loopback is reached.
//!
//! A helper (`devenv doors`, this program) is run inside the namespace, as the engine's own tool does it. It
//! listens at the asked addresses and hands the listeners over by its standard input, which is a socket: a
//! listener stays in the namespace in which it was made, whoever accepts from it. While the helper runs the
//! namespace stays; Podman makes another one when the last container has gone, so doors are opened
//! anew then.
//!
//! The handing over, an address after the other in one byte: 0 with the listener, else the number of the
//! error.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// Longest wait for the helper, which starts a program or two.
const HELPER_WAIT: Duration = Duration::from_secs(10);
/// Bytes of what a helper says on failing.
const WORDS_MAX: u64 = 4096;

/// The program that gets into the namespace, and its arguments before the helper's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Found by `PATH`.
    pub program: &'static str,
    /// Those before the helper's.
    pub arguments: Vec<String>,
}

impl Way {
    /// Into the namespace of this user's Podman.
    pub fn by_podman() -> Way {
        let arguments = ["unshare", "--rootless-netns", "--"].map(str::to_owned).into();
        Way { program: "podman", arguments }
    }

    /// Into the namespace of the rootless Docker that listens at `socket`.
    /// <https://docs.docker.com/engine/security/rootless/troubleshoot/>
    #[cfg(target_os = "linux")]
    pub fn by_nsenter(socket: &Path) -> Option<Way> {
        let engine = UnixStream::connect(socket).ok()?;
        let pid = rustix::net::sockopt::socket_peercred(&engine).ok()?.pid;
        // Newer engines stay outside, and say in which file their network is.
        let file = socket.with_file_name("dockerd-rootless").join("netns");
        let own = || format!("/proc/{pid}/ns/net").into();
        let network = Some(file).filter(|file| file.exists()).unwrap_or_else(own);
        let network = format!("--net={}", network.display());
        let target = format!("--target={pid}");
        let arguments = ["--user", "--preserve-credentials", &target, &network, "--"];
        Some(Way { program: "nsenter", arguments: arguments.map(str::to_owned).into() })
    }

    /// Has `helper`, which is this program, listen at `addresses`: the listeners in their order, `None` where
    /// one is open already.
    pub async fn open(&self, helper: &Path, addresses: Vec<SocketAddr>) -> Result<Opened, String> {
        let failed = |error: io::Error| format!("{}: {error}", self.program);
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        ours.set_read_timeout(Some(HELPER_WAIT)).map_err(failed)?;
        let mut command = Command::new(self.program);
        command.args(&self.arguments).arg(helper).arg("doors");
        command.args(addresses.iter().map(SocketAddr::to_string));
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().map_err(failed)?;
        // The command holds the helper's end as well; without it an early end is seen as one.
        drop(command);
        let received = tokio::task::spawn_blocking(move || {
            let all: io::Result<Vec<_>> = addresses.iter().map(|at| receive(&ours, *at)).collect();
            (all, ours)
        });
        let (listeners, hold) = received.await.map_err(|error| error.to_string())?;
        match listeners {
            Ok(listeners) => Ok(Opened { listeners, hold, child }),
            Err(error) => Err(format!("{}: {}", self.program, words(&mut child, &error).await)),
        }
    }
}

/// Listeners, and the helper that keeps their namespace.
#[derive(Debug)]
pub struct Opened {
    /// In the order of the addresses.
    pub listeners: Vec<Option<TcpListener>>,
    /// The helper ends with it.
    hold: UnixStream,
    child: Child,
}

impl Opened {
    /// Lets the helper go.
    pub async fn close(mut self) {
        drop(self.hold);
        let _ = tokio::time::timeout(HELPER_WAIT, self.child.wait()).await;
    }
}

/// Why a helper ended before its time: its own last words, if it had some.
async fn words(child: &mut Child, error: &io::Error) -> String {
    use tokio::io::AsyncReadExt;
    let _ = child.start_kill();
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let mut stderr = stderr.take(WORDS_MAX);
        let _ = tokio::time::timeout(HELPER_WAIT, stderr.read_to_end(&mut said)).await;
    }
    let said = String::from_utf8_lossy(&said);
    match said.trim().lines().last() {
        Some(line) => line.to_owned(),
        None => error.to_string(),
    }
}

fn receive(from: &UnixStream, address: SocketAddr) -> io::Result<Option<TcpListener>> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let into = &mut [IoSliceMut::new(&mut byte)];
    if recvmsg(from, into, &mut beside, RecvFlags::empty())?.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let listener = beside.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    if let Some(listener) = listener {
        rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::CLOEXEC)?;
        let listener = TcpListener::from(listener);
        listener.set_nonblocking(true)?;
        return Ok(Some(listener));
    }
    let error = io::Error::from_raw_os_error(i32::from(byte[0]));
    match error.kind() {
        io::ErrorKind::AddrInUse => Ok(None),
        kind => {
            Err(io::Error::new(kind, format!("{address} inside the engine's network: {error}")))
        }
    }
}

/// The helper: listens, hands over, and stays until its standard input ends.
pub fn serve(addresses: &[SocketAddr]) -> io::Result<()> {
    for address in addresses {
        hand_over(listen(*address))?;
    }
    io::copy(&mut io::stdin().lock(), &mut io::sink()).map(drop)
}

fn hand_over(listener: io::Result<OwnedFd>) -> io::Result<()> {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let code = match &listener {
        Ok(_) => 0,
        Err(error) => error.raw_os_error().and_then(|code| u8::try_from(code).ok()).unwrap_or(255),
    };
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let files = listener.as_ref().map(|listener| [listener.as_fd()]);
    if let Ok(files) = &files {
        beside.push(SendAncillaryMessage::ScmRights(files));
    }
    sendmsg(rustix::stdio::stdin(), &[IoSlice::new(&[code])], &mut beside, SendFlags::empty())?;
    Ok(())
}

fn listen(address: SocketAddr) -> io::Result<OwnedFd> {
    use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket(family, SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    #[cfg(target_os = "linux")]
    if address.is_ipv4() {
        // A bridge has its address from the first container on.
        sockopt::set_ip_freebind(&socket, true)?;
    }
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}
