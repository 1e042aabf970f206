//! Servers that somebody else wrote: found, started, watched and ended.
//!
//! A target is held by a process of its own, the [`keeper`], which makes its configuration, starts it on the server's
//! cores, waits until it is there, says so by the same line as pushbench's own servers, and ends its whole tree of
//! processes when its standard input ends, whoever was killed before.
//!
//! - [`entries`]: which targets take part in a run, and which techniques of theirs where
//! - [`requirement`]: what a target needs, and what installs it
//! - [`launch`]: its command and configuration, with the placeholders filled in
//! - [`readiness`]: whether it is there
//! - [`tree`]: all processes below the keeper, and their end
//! - [`version`]: what it says of itself

pub(crate) mod entries;
pub(crate) mod keeper;
mod launch;
mod readiness;
mod requirement;
mod tree;
mod version;

use std::path::{Path, PathBuf};

use anyhow::bail;
use model::manifest::TargetInfo;
use model::target::{Server, Target};
use model::trial::TargetSpec;

pub(crate) use requirement::on_path;

use crate::project::{self, Definition, Kind};
use crate::registry;

/// A target and where its file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// What the file says.
    pub(crate) target: Target,
    /// The file.
    pub(crate) file: PathBuf,
}

impl Foreign {
    /// Reads the target that is called `name`, or whose file that is.
    ///
    /// # Errors
    ///
    /// When there is none, or its file cannot be read or understood.
    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        if name.contains('/') || name.ends_with(".toml") {
            return Self::read(Path::new(name));
        }
        let Some(file) = project::target_file(name)? else {
            let all = Kind::Target.definitions()?;
            let names: Vec<_> = all.iter().map(|definition| definition.name.as_str()).collect();
            bail!("there is no target {name}; there are: {} (or give the path of a file)", names.join(", "));
        };
        Self::read(&file)
    }

    /// Reads a target's file.
    ///
    /// # Errors
    ///
    /// When it cannot be read or understood.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let shown = file.display().to_string();
        let Definition { name, text, .. } = Definition::read(file)?;
        let target = Target::parse(&text, &shown, &name, &techniques())?;
        Ok(Self { target, file: file.to_owned() })
    }

    /// The folder that its paths begin in.
    pub(crate) fn folder(&self) -> &Path {
        match self.file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// Whether it is started here, so that its processes can be read.
    pub(crate) fn is_started(&self) -> bool {
        matches!(self.target.server, Server::Started { .. })
    }

    /// What the load generator of a trial with this technique and seed is told; none of a technique that it has not. A
    /// server that runs on remembers the channels of earlier trials, so each trial has channels of its own there.
    pub(crate) fn spec(&self, technique: &str, seed: u64) -> Option<TargetSpec> {
        let mut subscription = self.target.techniques.get(technique)?.clone();
        let mut publish = self.target.publish.clone();
        if !self.is_started() && subscription.path.contains("{channel}") {
            let own = format!("{seed:x}-{:x}-{{channel}}", os::now_ns());
            publish.path = publish.path.replace("{channel}", &own);
            subscription.path = subscription.path.replace("{channel}", &own);
        }
        Some(TargetSpec { publish, subscription })
    }

    /// As the manifest has it. Asks it for its version.
    pub(crate) fn info(&self) -> TargetInfo {
        let Target { name, label, about, publish, techniques, text, .. } = &self.target;
        TargetInfo {
            name: name.clone(),
            label: label.clone(),
            about: about.clone(),
            version: version::of(self),
            publish: format!("{} {}", publish.method, publish.path),
            techniques: techniques.keys().cloned().collect(),
            text: text.clone(),
        }
    }
}

/// The techniques that a web server can be subscribed by.
fn techniques() -> Vec<&'static str> {
    registry::TECHNIQUES
        .iter()
        .filter(|technique| !technique.baseline)
        .map(|technique| technique.slug)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_of_the_project_can_be_read() {
        let names: Vec<_> =
            Kind::Target.definitions().unwrap().into_iter().map(|definition| definition.name).collect();
        assert_eq!(names, ["nchan", "socketio-node", "ws-node"]);
        for name in names {
            let foreign = Foreign::named(&name).unwrap_or_else(|error| panic!("{error:#}"));
            assert_eq!(foreign.target.name, name);
        }
    }

    #[test]
    fn a_name_that_is_none_is_answered_with_those_that_are() {
        let error = Foreign::named("ngchan").unwrap_err().to_string();
        assert!(error.starts_with("there is no target ngchan; there are: nchan, "), "{error}");
    }
}
