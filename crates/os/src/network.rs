//! A private network for a process: a fresh network namespace, in which loopback carries nothing but what the process and
//! its children send, and the kernel's counters of it (proc(5), network_namespaces(7)).

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};
use rustix::thread::UnshareFlags;

use crate::clock::{now_ns, sleep_until_ns};

const LOOPBACK: &[u8] = b"lo";
/// Pause between two looks at the sockets that are still open.
const LOOK: Duration = Duration::from_millis(2);
/// States of a socket that sends nothing by itself any more: TIME_WAIT and LISTEN (net/tcp_states.h).
const SILENT: [&str; 2] = ["06", "0A"];

/// What the kernel counted in this process's network namespace since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkCounters {
    /// Packets that loopback carried; one may be a super-packet of segmentation offload.
    pub packets: u64,
    /// Their bytes from the IP header on.
    pub bytes: u64,
    /// TCP segments that were sent again.
    pub retransmitted: u64,
    /// TCP connections that were opened from here.
    pub connections: u64,
}

/// Moves this process into a network namespace of its own, with loopback up and nothing else in it. Without the privilege
/// for that, it enters a user namespace first, under the same user number.
///
/// Two things that answer to losses are switched off in there, where the kernel lets them be, since nothing is lost on
/// loopback: tail loss probes (RFC 8985 §7), which send data twice to a process that waits for a core for longer than
/// two round trips of some microseconds, and selective acknowledgements (RFC 2018), which make a header longer whenever packets of
/// two cores overtake each other.
/// Fails when the kernel does not allow it, or this process already has more than one thread.
pub fn enter_own_network() -> io::Result<()> {
    if fs::read_dir("/proc/self/task")?.count() > 1 {
        return Err(io::Error::other("a process with several threads cannot change its network"));
    }
    if unshare(UnshareFlags::NEWNET).is_err() {
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{0} {0} 1", user.as_raw()))?;
        fs::write("/proc/self/gid_map", format!("{0} {0} 1", group.as_raw()))?;
    }
    for answer_to_losses in ["tcp_early_retrans", "tcp_sack"] {
        // Where it stays on, the counters show what was sent again.
        let _ = fs::write(format!("/proc/sys/net/ipv4/{answer_to_losses}"), "0");
    }
    raise_loopback()
}

/// Reads the counters of this process's network namespace.
/// Fails when the kernel's files cannot be read.
pub fn network_counters() -> io::Result<NetworkCounters> {
    let unreadable = || io::Error::other("the kernel's network counters are not as they should be");
    let device = fs::read_to_string("/proc/self/net/dev")?;
    let tcp = fs::read_to_string("/proc/self/net/snmp")?;
    read_counters(&device, &tcp).ok_or_else(unreadable)
}

/// Waits until no TCP socket of this process's network namespace has anything to send; returns whether that happened within `limit`.
/// Fails when the kernel's list of sockets cannot be read.
pub fn network_is_silent_within(limit: Duration) -> io::Result<bool> {
    let deadline_ns = now_ns() + limit.as_nanos() as u64;
    loop {
        let lists = fs::read_to_string("/proc/self/net/tcp")?
            + &fs::read_to_string("/proc/self/net/tcp6").unwrap_or_default();
        if all_silent(&lists) {
            return Ok(true);
        }
        if now_ns() >= deadline_ns {
            return Ok(false);
        }
        sleep_until_ns(now_ns() + LOOK.as_nanos() as u64);
    }
}

fn unshare(namespaces: UnshareFlags) -> io::Result<()> {
    // SAFETY: the table of file descriptors, which makes this call dangerous, is not a namespace.
    Ok(unsafe { rustix::thread::unshare_unsafe(namespaces) }?)
}

fn raise_loopback() -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    // SAFETY: an interface request is plain numbers, for which all zeros is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, &byte) in request.ifr_name.iter_mut().zip(LOOPBACK) {
        *place = byte as libc::c_char;
    }
    // SAFETY: `request` is a whole interface request, valid for reads and writes for the whole call; this request fills
    // its flags in.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS as _, &raw mut request) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above has made the flags the member of the union that is in use.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = flags | libc::IFF_UP as libc::c_short;
    // SAFETY: as above; this request only reads it.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn read_counters(device: &str, tcp: &str) -> Option<NetworkCounters> {
    let loopback = device.lines().find_map(|line| line.trim_start().strip_prefix("lo:"))?;
    // Eight numbers of receiving, then eight of sending, each bytes and packets first.
    let mut sent = loopback.split_ascii_whitespace().skip(8);
    let mut number = || sent.next()?.parse().ok();
    let (bytes, packets) = (number()?, number()?);
    let mut lines = tcp.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next()?, lines.next()?);
    let counter = |wanted: &str| {
        let mut pairs = names.split_ascii_whitespace().zip(values.split_ascii_whitespace());
        pairs.find_map(|(name, value)| if name == wanted { value.parse().ok() } else { None })
    };
    Some(NetworkCounters {
        packets,
        bytes,
        retransmitted: counter("RetransSegs")?,
        connections: counter("ActiveOpens")?,
    })
}

/// The fourth column of the kernel's list is the state.
fn all_silent(list: &str) -> bool {
    let mut states = list.lines().filter_map(|line| line.split_ascii_whitespace().nth(3));
    states.all(|state| state == "st" || SILENT.contains(&state))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
  eth0: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9
    lo:     100       1    0    0    0     0          0         0   52000     700    0    0    0     0       0          0
";
    const TCP: &str = "\
Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm ActiveOpens PassiveOpens RetransSegs
Tcp: 1 12 13 3
";

    #[test]
    fn loopbacks_sending_side_and_tcps_counters_are_read() {
        let expected = NetworkCounters { packets: 700, bytes: 52_000, retransmitted: 3, connections: 12 };
        assert_eq!(read_counters(DEVICE, TCP), Some(expected));
        assert_eq!(read_counters("", TCP), None);
        assert_eq!(read_counters(DEVICE, "Tcp: RetransSegs\n"), None);
    }

    #[test]
    fn only_listening_and_time_wait_are_silent() {
        let list = |state: &str| {
            format!("  sl  local_address rem_address   st\n   0: 0100007F:0 00000000:0 {state} 0\n")
        };
        assert!(all_silent(&list("06")) && all_silent(&list("0A")) && all_silent(""));
        for open in ["01", "04", "05", "08", "09"] {
            assert!(!all_silent(&(list("0A") + &list(open))), "{open}");
        }
    }

    #[test]
    fn this_process_has_counters_and_too_many_threads_to_leave() {
        assert!(network_counters().is_ok());
        let (done, until_done) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || until_done.recv());
        assert!(enter_own_network().is_err());
        drop(done);
        assert!(other.join().unwrap().is_err());
    }
}
