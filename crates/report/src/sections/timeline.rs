//! Pictures of recorded exchanges, one for each technique.

use super::Chapter;
use super::answers::figure;
use crate::charts::{Figure, Place};

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let timelines: Vec<&Figure> =
        chapter.figures.iter().filter(|figure| figure.place == Place::Timelines).collect();
    if timelines.is_empty() {
        return "*No scenario with `traced = true` was measured in this run.*\n".to_owned();
    }
    let pictures = timelines.iter().map(|timeline| figure(chapter, timeline));
    format!("{READING}\n\n{}", pictures.collect::<String>())
}

const READING: &str = "Each picture is one subscriber of one trial, recorded at its socket: read it from top to bottom, requests and \
    other bytes that the client sent are labelled on the left, what the server sent on the right, a bracket where flights lie too \
    close for labels of their own. Empty space is time in which nothing crossed the connection, and grey dashes are polls that \
    asked and found nothing.";
