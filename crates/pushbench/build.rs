//! Has the command built again when a file comes to a folder that it embeds, or leaves it. And gives it a digest of the code that runs
//! while a trial measures, so that only runs of the same code are taken together.

use std::fs;
use std::path::Path;

/// Crates of servers are measured, too.
const MEASURED: [&str; 4] = ["protocol", "os", "loadgen", "server-"];

fn main() {
    for folder in ["scenarios", "claims", "publications"] {
        println!("cargo::rerun-if-changed=../../{folder}");
    }
    let mut digest = 0xcbf2_9ce4_8422_2325;
    for crate_folder in sorted(Path::new("..")) {
        let name = crate_folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if MEASURED.iter().any(|measured| name.starts_with(measured)) {
            println!("cargo::rerun-if-changed=../{name}/src");
            add(&crate_folder.join("src"), &mut digest);
        }
    }
    println!("cargo::rustc-env=PUSHBENCH_MEASURED_CODE={digest:016x}");
}

/// FNV-1a over all lines of code, without comments and indents.
fn add(path: &Path, digest: &mut u64) {
    if path.is_dir() {
        return sorted(path).iter().for_each(|path| add(path, digest));
    }
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    for byte in lines.flat_map(str::bytes) {
        *digest = (*digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
}

fn sorted(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
