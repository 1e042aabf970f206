//! The results of a run as they lie on disk, in both forms.
//!
//! - Loose, while it runs: `trials/<stem>.json`, a record each, with its histograms in `trials/<stem>.hlog`.
//! - Packed, once it has ended: `trials.jsonl.gz`, a record a line in the order of the plan, and `histograms.hlog`, all
//!   histograms in one log under the tag `<stem>/<tag>`. Where there are packed records, loose ones are not looked at.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::manifest::{FileVersion, Manifest};
use crate::trial::TrialRecord;

pub const MANIFEST: &str = "manifest.json";
/// The folder of loose records and logs.
pub const LOOSE: &str = "trials";
/// The packed records.
pub const PACKED: &str = "trials.jsonl.gz";
/// The packed histograms.
pub const HISTOGRAMS: &str = "histograms.hlog";

/// A run as it lies on disk.
#[derive(Debug)]
pub struct Results {
    pub manifest: Manifest,
    /// Its trials, in the order of the plan.
    pub trials: Vec<StoredTrial>,
    /// What cannot be read.
    pub broken: Vec<Broken>,
}

/// A trial with its histograms as they are stored.
#[derive(Debug)]
pub struct StoredTrial {
    /// The record's file; of a packed one followed by `:` and its line.
    pub path: PathBuf,
    pub record: TrialRecord,
    /// Tag and histogram, HdrHistogram V2 + deflate in base64.
    pub histograms: Vec<(String, String)>,
}

/// A record that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The record, also when it is its log that is broken: a run is resumed by the records that are there.
    pub path: PathBuf,
    pub reason: String,
}

/// Why a folder is not read as a run.
#[derive(Debug, Error)]
pub enum ReadError {
    #[error("{path} is not a run's manifest: {reason}")]
    Manifest { path: PathBuf, reason: String },
    #[error("read {path}")]
    Read { path: PathBuf, source: io::Error },
}

/// Whether the run in this folder has ended.
pub fn is_packed(dir: &Path) -> bool {
    dir.join(PACKED).exists()
}

/// Reads a run in either form.
/// Fails when the manifest is missing, unreadable or of another schema version, or when a file or folder that holds records is
/// unreadable. A single broken record is no error.
pub fn read(dir: &Path) -> Result<Results, ReadError> {
    let path = dir.join(MANIFEST);
    let manifest = parse(&text(&path)?).map_err(|reason| ReadError::Manifest { path, reason })?;
    let read = if is_packed(dir) { packed(dir)? } else { loose(dir)? };
    let (mut trials, mut broken) = (Vec::new(), Vec::new());
    for trial in read {
        match trial {
            Ok(trial) => trials.push(trial),
            Err(problem) => broken.push(problem),
        }
    }
    trials.sort_by(|a, b| {
        let place =
            |trial: &StoredTrial| (trial.record.index, trial.record.attempt, trial.record.started_unix_s);
        place(a).cmp(&place(b)).then_with(|| a.record.key.cmp(&b.record.key))
    });
    Ok(Results { manifest, trials, broken })
}

/// Reads JSON of this schema version.
/// The error says why it cannot be used. The version is checked first: a file of another version may have other fields.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let text_of = |error: serde_json::Error| error.to_string();
    let version: FileVersion = serde_json::from_str(text).map_err(text_of)?;
    version.check().map_err(|error| error.to_string())?;
    serde_json::from_str(text).map_err(text_of)
}

/// The bytes of [`PACKED`] with these records in this order.
/// Fails when a record cannot be encoded.
pub fn pack<'r>(records: impl IntoIterator<Item = &'r TrialRecord>) -> io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    for record in records {
        serde_json::to_writer(&mut gzip, record)?;
        gzip.write_all(b"\n")?;
    }
    gzip.finish()
}

/// The tag in [`HISTOGRAMS`] of a histogram whose loose log is `log`.
pub fn packed_tag(log: &str, tag: &str) -> String {
    format!("{}/{tag}", stem(log))
}

fn stem(log: &str) -> &str {
    Path::new(log).file_stem().and_then(|stem| stem.to_str()).unwrap_or(log)
}

fn loose(dir: &Path) -> Result<Vec<Result<StoredTrial, Broken>>, ReadError> {
    let of = |path: PathBuf| {
        let record = fs::read_to_string(&path).map_err(|error| error.to_string());
        let read = record.and_then(|text| {
            let record: TrialRecord = parse(&text)?;
            let log = |name: &String| {
                let read = fs::read_to_string(dir.join(name)).map_err(|error| error.to_string());
                read.and_then(|log| entries(&log)).map_err(|reason| format!("its log {name}: {reason}"))
            };
            let histograms = record.histograms.as_ref().map(log).transpose()?.unwrap_or_default();
            Ok((record, histograms))
        });
        match read {
            Ok((record, histograms)) => Ok(StoredTrial { path, record, histograms }),
            Err(reason) => Err(Broken { path, reason }),
        }
    };
    Ok(files(&dir.join(LOOSE), "json")?.into_iter().map(of).collect())
}

fn packed(dir: &Path) -> Result<Vec<Result<StoredTrial, Broken>>, ReadError> {
    let path = dir.join(PACKED);
    let unreadable = |source| ReadError::Read { path: path.clone(), source };
    let mut records = String::new();
    let file = fs::File::open(&path).map_err(unreadable)?;
    MultiGzDecoder::new(io::BufReader::new(file)).read_to_string(&mut records).map_err(unreadable)?;
    let log = dir.join(HISTOGRAMS);
    let log = if log.exists() { entries(&text(&log)?) } else { Err("there is no such file".to_owned()) };
    let mut logs: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for (tag, base64) in log.as_ref().map_or(&[][..], Vec::as_slice) {
        let (stem, tag) = tag.rsplit_once('/').unwrap_or(("", tag));
        logs.entry(stem).or_default().push((tag.to_owned(), base64.clone()));
    }
    let mut of = |(index, line): (usize, &str)| {
        let path = PathBuf::from(format!("{}:{}", path.display(), index + 1));
        let record: TrialRecord = parse(line).map_err(|reason| Broken { path: path.clone(), reason })?;
        let histograms = match &record.histograms {
            None => Vec::new(),
            Some(name) => logs.remove(stem(name)).ok_or_else(|| {
                let reason = log.as_ref().err().map_or("it has none of this trial", String::as_str);
                Broken { path: path.clone(), reason: format!("its log {HISTOGRAMS}: {reason}") }
            })?,
        };
        Ok(StoredTrial { path, record, histograms })
    };
    Ok(records.lines().enumerate().map(&mut of).collect())
}

/// Tag and base64 of each interval of a histogram log ("HdrHistogram log format", version 1.3).
/// Fails when a line is neither an interval nor a comment.
pub fn entries(log: &str) -> Result<Vec<(String, String)>, String> {
    let is_interval = |(_, line): &(usize, &str)| !line.is_empty() && !line.starts_with(['#', '"']);
    let entry = |(index, line): (usize, &str)| {
        let (tag, rest) = match line.strip_prefix("Tag=") {
            Some(tagged) => tagged.split_once(',').unwrap_or((tagged, "")),
            None => ("", line),
        };
        let fields: Vec<&str> = rest.split(',').collect();
        match fields[..] {
            [_, _, _, base64] => Ok((tag.to_owned(), base64.to_owned())),
            _ => Err(format!("not a histogram log: line {} has {} fields", index + 1, fields.len())),
        }
    };
    log.lines().enumerate().filter(is_interval).map(entry).collect()
}

/// The files with this extension in a folder, in the order of their names; none where there is no such folder.
/// Fails when it cannot be read.
pub fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, ReadError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let unreadable = |source| ReadError::Read { path: folder.to_owned(), source };
    let entries: io::Result<Vec<_>> = fs::read_dir(folder).map_err(unreadable)?.collect();
    let mut files: Vec<_> = entries.map_err(unreadable)?.into_iter().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    Ok(files)
}

fn text(path: &Path) -> Result<String, ReadError> {
    fs::read_to_string(path).map_err(|source| ReadError::Read { path: path.to_owned(), source })
}

/// Writes `bytes` to a new file beside `path`, forces them to the disk, and puts the file in `path`'s place in one step.
/// Fails when it cannot be written; `path` is then as it was.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".")
        .suffix(".tmp")
        // Results are there to be read by others; the process's mask still applies.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logs_intervals_are_read_with_and_without_a_tag() {
        let log =
            "#[comment]\n\"StartTimestamp\",\"x\"\nTag=a/delivery,1.0,2.0,3.0,HISTx\n1.0,2.0,3.0,HISTy\n";
        let pair = |tag: &str, base64: &str| (tag.to_owned(), base64.to_owned());
        assert_eq!(entries(log).unwrap(), [pair("a/delivery", "HISTx"), pair("", "HISTy")]);
        assert_eq!(entries("Tag=a,1,2\n").unwrap_err(), "not a histogram log: line 1 has 2 fields");
    }

    #[test]
    fn a_trials_tag_begins_with_the_name_of_its_files() {
        assert_eq!(packed_tag("trials/0001-x-12.5-s-a-r0.hlog", "delivery"), "0001-x-12.5-s-a-r0/delivery");
    }

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        write_atomically(&path, b"old").unwrap();
        // A path below a file cannot be written by anybody, root included.
        assert!(write_atomically(&path.join("below.json"), b"new").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
