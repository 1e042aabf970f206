//! Has the command built again when a file comes to a folder that it embeds, or leaves it.

fn main() {
    for folder in ["scenarios", "claims", "publications"] {
        println!("cargo::rerun-if-changed=../../{folder}");
    }
}
