//! Proxies between load generator and server: the files in `targets/proxies`. Each has a configuration with its package's own settings, and
//! others behind a hyphen in the scenario's `through`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::{fs, io};

use anyhow::Context as _;
use model::manifest::{ProxyInfo, Skipped};
use model::scenario::Scenario;
use model::settings::{Settings, proxy};
use model::target::Target;

use super::{TargetServer, supervisor};
use crate::{plan, project};

impl TargetServer {
    /// The proxy of a scenario's `through`.
    pub(crate) fn proxy(through: &str) -> anyhow::Result<Self> {
        let name = proxy(through).0;
        let file = project::target_file(&format!("proxies/{name}"))?;
        Self::read_proxy(&file.with_context(|| format!("there is no proxy {name} in targets/proxies"))?)
    }
}

/// The command line that runs the proxy of `through` before the server at `upstream`.
pub(crate) fn arguments(
    through: &str,
    upstream: SocketAddr,
    technique: &str,
    dir: &Path,
    cores: &[u32],
) -> anyhow::Result<Vec<String>> {
    let mut arguments = supervisor::arguments(&TargetServer::proxy(through)?, technique, dir, cores);
    let variant = proxy(through).1.to_owned();
    arguments.extend(["--upstream".to_owned(), upstream.to_string(), "--variant".to_owned(), variant]);
    Ok(arguments)
}

/// The scenarios without the points whose proxy is not installed, and what was left out, with what installs it.
pub(crate) fn runnable(mut scenarios: Vec<Scenario>) -> anyhow::Result<(Vec<Scenario>, Vec<Skipped>)> {
    let mut skipped = Vec::new();
    for name in names(&scenarios) {
        if let Err(why) = TargetServer::proxy(&name)?.required_files() {
            let is_meant = |settings: &Settings| name_of(settings) == Some(&name);
            let what = format!("proxy {name}");
            let kept = scenarios.into_iter();
            scenarios = kept
                .filter_map(|scenario| plan::without(scenario, &what, why.clone(), is_meant, &mut skipped))
                .collect();
        }
    }
    Ok((scenarios, skipped))
}

/// The proxies of these scenarios, as the manifest stores them.
pub(crate) fn infos(scenarios: &[Scenario]) -> anyhow::Result<Vec<ProxyInfo>> {
    let info = |name: String| {
        let server = TargetServer::proxy(&name)?;
        let version = server.version();
        let configurations = texts(&server.folder().join(&name))?;
        let TargetServer { target, .. } = server;
        let Target { label, fixes, text, .. } = target;
        Ok(ProxyInfo { name, label, version, fixes, configurations, text })
    };
    names(scenarios).into_iter().map(info).collect()
}

/// The texts of the files in a folder, by name.
fn texts(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let read = || -> io::Result<BTreeMap<String, String>> {
        let files = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        let text = |file: fs::DirEntry| {
            Ok((file.file_name().to_string_lossy().into_owned(), fs::read_to_string(file.path())?))
        };
        files.into_iter().map(text).collect()
    };
    read().with_context(|| format!("read the configurations in {}", folder.display()))
}

fn names(scenarios: &[Scenario]) -> Vec<String> {
    let points = scenarios.iter().flat_map(|scenario| &scenario.points);
    let mut names: Vec<String> =
        points.filter_map(|point| name_of(&point.settings)).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

fn name_of(settings: &Settings) -> Option<&str> {
    settings.through.as_deref().map(|through| proxy(through).0)
}
