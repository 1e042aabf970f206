//! Temporary.
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let out = std::path::PathBuf::from(&args[0]);
    let dirs: Vec<std::path::PathBuf> = args[1..].iter().map(Into::into).collect();
    println!("{:?}", report::render(&dirs, &out).map(|r| (r.records, r.charts.len(), r.broken)));
}
