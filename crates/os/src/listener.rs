//! Sockets that listen for TCP connections, and the processes that hold them.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// `TCP_LISTEN` as /proc/net/tcp writes it (proc_net_tcp(5)).
const LISTENS: &str = "0A";

/// A socket that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    pub address: SocketAddr,
    inode: u64,
}

/// All sockets of this network that listen.
/// Fails when the kernel does not show them.
pub fn listeners() -> io::Result<Vec<Listener>> {
    let mut all = parse(&fs::read_to_string("/proc/net/tcp")?);
    // It is not there without IPv6.
    all.extend(fs::read_to_string("/proc/net/tcp6").iter().flat_map(|text| parse(text)));
    Ok(all)
}

/// The processes that hold one of these sockets, as far as this user may look into them, in the order of their numbers.
/// Fails when the kernel does not show any process.
pub fn holders(listeners: &[Listener]) -> io::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?;
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut holders: Vec<u32> = pids.filter(|&pid| listeners.iter().any(|one| one.is_held_by(pid))).collect();
    holders.sort_unstable();
    Ok(holders)
}

impl Listener {
    /// Whether process `pid` holds it; not if it is another user's.
    pub fn is_held_by(&self, pid: u32) -> bool {
        let name = format!("socket:[{}]", self.inode);
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        files.flat_map(|file| fs::read_link(file.path())).any(|link| link.as_os_str() == name.as_str())
    }
}

fn parse(table: &str) -> Vec<Listener> {
    table.lines().filter_map(listener).collect()
}

/// A line: its number, local and remote address, state, queues, timers, user, timeout, inode.
fn listener(line: &str) -> Option<Listener> {
    let fields: Vec<_> = line.split_ascii_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    let (ip, port) = local.split_once(':').filter(|_| *state == LISTENS)?;
    let address = SocketAddr::new(ip_address(ip)?, u16::from_str_radix(port, 16).ok()?);
    Some(Listener { address, inode: inode.parse().ok()? })
}

/// Words of 32 bits in hex digits, each in the byte order of the machine.
fn ip_address(digits: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(digits.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match digits.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            Some(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_socket_that_listens_is_found_with_the_process_that_holds_it() {
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            // A machine may be without IPv6.
            let Ok(socket) = TcpListener::bind((ip, 0)) else { continue };
            let address = socket.local_addr().unwrap();
            let found: Vec<_> = listeners().unwrap().into_iter().filter(|it| it.address == address).collect();
            assert_eq!(found.len(), 1, "{address}");
            // So does a child of another test's until it runs its program.
            assert!(holders(&found).unwrap().contains(&std::process::id()));
            drop(socket);
            assert!(listeners().unwrap().iter().all(|it| it.address != address));
        }
    }

    #[test]
    fn only_sockets_that_listen_are_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0\n\
            1: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0 20 4 30 10 -1\n";
        let expected = Listener { address: ([127, 0, 0, 1], 8080).into(), inode: 4711 };
        assert_eq!(parse(table), [expected]);
    }
}
