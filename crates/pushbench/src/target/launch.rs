//! A target's command and configuration, with the placeholders filled in.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use model::target::Server;

use super::Foreign;
use super::requirement::{self, Places};

/// What is started, and where it will listen.
#[derive(Debug)]
pub(super) struct Launch {
    /// Program and arguments.
    pub(super) command: Vec<String>,
    /// The folder that it is started in.
    pub(super) folder: PathBuf,
    /// Where it will listen.
    pub(super) address: SocketAddr,
}

impl Launch {
    /// Fills in the placeholders, and makes the configuration in `dir`, which is made, too. None for a server that is
    /// running already.
    ///
    /// # Errors
    ///
    /// When something that the target needs is missing, or a file cannot be read or written.
    pub(super) fn prepare(foreign: &Foreign, dir: &Path) -> anyhow::Result<Option<Self>> {
        let Server::Started { command, config } = &foreign.target.server else { return Ok(None) };
        let mut places = match requirement::places(foreign) {
            Ok(places) => places,
            Err(missing) => bail!("{missing}"),
        };
        let address = free_address().context("find a free port")?;
        make_folder(dir).with_context(|| format!("make the folder {}", dir.display()))?;
        places.insert("port".to_owned(), address.port().to_string());
        places.insert("dir".to_owned(), dir.display().to_string());
        for (name, template) in config {
            let template = foreign.folder().join(template);
            let text =
                fs::read_to_string(&template).with_context(|| format!("read {}", template.display()))?;
            fs::write(dir.join(name), filled(&text, &places)).with_context(|| format!("write {name}"))?;
        }
        let command = command.iter().map(|word| filled(word, &places)).collect();
        Ok(Some(Self { command, folder: foreign.folder().to_owned(), address }))
    }
}

/// A server that gives up its privileges must still get through.
fn make_folder(dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))
}

/// A port that was free a moment ago: whoever else takes it meanwhile makes the server say so and end.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Braces round anything else stay: configurations are full of them.
fn filled(text: &str, places: &Places) -> String {
    places.iter().fold(text.to_owned(), |text, (name, place)| text.replace(&format!("{{{name}}}"), place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_placeholders_are_filled_in() {
        let places =
            Places::from([("port".to_owned(), "80".to_owned()), ("dir".to_owned(), "/d".to_owned())]);
        assert_eq!(
            filled("http { listen {port}; root {dir}/{x}; }", &places),
            "http { listen 80; root /d/{x}; }"
        );
    }
}
