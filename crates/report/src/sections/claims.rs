//! What people say of these techniques, each with a verdict that the results decide.

mod rule;

use model::claim::Claim;
use model::manifest::ClaimInfo;

use super::Chapter;
use super::markdown::{anchor, inline, word_table};
use rule::{RuleAnswer, RuleOutcome};

pub(super) fn section(chapter: &Chapter<'_>) -> String {
    let claims = &chapter.analysis.run.manifest.claims;
    if claims.is_empty() {
        return "*This run holds no scenario that decides a claim.*\n".to_owned();
    }
    let judged: Vec<Result<Judged, String>> = claims.iter().map(|info| Judged::of(chapter, info)).collect();
    let lines = judged.iter().flatten().map(|judged| judged.line(chapter));
    let summary = word_table(&["", "claim", "verdict"], lines);
    let details = judged.iter().map(|judged| match judged {
        Ok(judged) => judged.details(chapter),
        Err(reason) => format!("*{reason}*\n"),
    });
    format!("{NOTE}\n\n{summary}\n{}", details.collect::<Vec<_>>().join("\n"))
}

const NOTE: &str = "Each verdict follows from the results of this run by rules that were written down before (`claims/*.toml`): **holds**, when all that \
    must be so is so; **holds with a limit**, when something named restricts it; **fails**, when something that must be so is not; **not measurable \
    here**, when a rule finds nothing to go by, or an interval leaves it open.";

/// A claim, and what its rules found.
struct Judged {
    claim: Claim,
    musts: Vec<RuleAnswer>,
    limits: Vec<RuleAnswer>,
}

/// What becomes of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Holds,
    HoldsWithALimit,
    Fails,
    NotMeasurableHere,
}

impl Verdict {
    /// A claim that fails in one thing has failed, whatever else is not known; short of that, nothing may be open.
    fn of(musts: &[RuleAnswer], limits: &[RuleAnswer]) -> Self {
        let outcome = |answers: &[RuleAnswer], outcome: RuleOutcome| {
            answers.iter().any(|answer| answer.outcome == outcome)
        };
        if outcome(musts, RuleOutcome::No) {
            return Self::Fails;
        }
        if outcome(musts, RuleOutcome::Open) || outcome(limits, RuleOutcome::Open) {
            return Self::NotMeasurableHere;
        }
        if outcome(limits, RuleOutcome::No) { Self::HoldsWithALimit } else { Self::Holds }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::HoldsWithALimit => "holds with a limit",
            Self::Fails => "fails",
            Self::NotMeasurableHere => "not measurable here",
        }
    }
}

impl Judged {
    fn of(chapter: &Chapter<'_>, info: &ClaimInfo) -> Result<Self, String> {
        let claim = Claim::parse(&info.text, &info.id).map_err(|error| {
            format!("{} cannot be judged: {}.", inline(&info.id), inline(&error.to_string()))
        })?;
        let answer = |rule| rule::answer(chapter.analysis, &claim.scenarios[0], rule);
        let musts = claim.musts.iter().map(|must| answer(&must.rule)).collect();
        let limits = claim.limits.iter().map(|limit| answer(&limit.unless)).collect();
        Ok(Self { musts, limits, claim })
    }

    fn verdict(&self) -> Verdict {
        Verdict::of(&self.musts, &self.limits)
    }

    fn line(&self, chapter: &Chapter<'_>) -> Vec<String> {
        let id = inline(&self.claim.id);
        let verdict = self.verdict();
        let because: Vec<String> = match verdict {
            Verdict::Holds => Vec::new(),
            Verdict::HoldsWithALimit => self.limits_with(RuleOutcome::No),
            Verdict::Fails => self.musts_with(RuleOutcome::No),
            Verdict::NotMeasurableHere => self.open(),
        };
        let because = if because.is_empty() { String::new() } else { format!(": {}", because.join("; ")) };
        vec![
            format!("[{id}](#claim-{}{})", anchor(&self.claim.id), chapter.suffix),
            inline(&self.claim.claim),
            format!("**{}**{because}", verdict.words()),
        ]
    }

    fn limits_with(&self, outcome: RuleOutcome) -> Vec<String> {
        let limits = self.claim.limits.iter().zip(&self.limits);
        limits.filter(|(_, answer)| answer.outcome == outcome).map(|(limit, _)| inline(&limit.what)).collect()
    }

    fn musts_with(&self, outcome: RuleOutcome) -> Vec<String> {
        let musts = self.claim.musts.iter().zip(&self.musts);
        let outcome = musts.filter(|(_, answer)| answer.outcome == outcome);
        outcome.map(|(must, answer)| format!("not so: {} ({})", inline(&must.what), answer.found)).collect()
    }

    /// Why it was left open, each reason once.
    fn open(&self) -> Vec<String> {
        let open = self.musts.iter().chain(&self.limits).filter(|answer| answer.outcome == RuleOutcome::Open);
        let mut reasons: Vec<String> = Vec::new();
        for answer in open {
            if !reasons.contains(&answer.found) {
                reasons.push(answer.found.clone());
            }
        }
        reasons
    }

    fn details(&self, chapter: &Chapter<'_>) -> String {
        let line = |what: &str, kind: &str, answer: &RuleAnswer, [yes, no]: [&str; 2]| {
            let outcome = match answer.outcome {
                RuleOutcome::Yes => yes,
                RuleOutcome::No => no,
                RuleOutcome::Open => "open",
            };
            vec![
                kind.to_owned(),
                inline(what),
                answer.wanted.clone(),
                answer.found.clone(),
                outcome.to_owned(),
            ]
        };
        let musts = self.claim.musts.iter().zip(&self.musts);
        let musts = musts.map(|(must, answer)| line(&must.what, "must", answer, ["yes", "**no**"]));
        let limits = self.claim.limits.iter().zip(&self.limits);
        let limits = limits
            .map(|(limit, answer)| line(&limit.what, "limit", answer, ["does not apply", "**applies**"]));
        let head = ["", "what", "asked for", "found", ""];
        format!(
            "<a id=\"claim-{}{}\"></a>\n<details>\n<summary>{}: {}</summary>\n\n> {}\n\n{}\n\n{}\n</details>\n",
            anchor(&self.claim.id),
            chapter.suffix,
            inline(&self.claim.id),
            self.verdict().words(),
            inline(&self.claim.claim),
            inline(&self.claim.how),
            word_table(&head, musts.chain(limits)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_that_must_be_and_is_not_decides_whatever_is_open() {
        let answered = |outcome| RuleAnswer { outcome, wanted: String::new(), found: String::new() };
        let verdict = |musts: &[RuleOutcome], limits: &[RuleOutcome]| {
            let answers = |outcome: &[RuleOutcome]| {
                outcome.iter().map(|outcome| answered(*outcome)).collect::<Vec<_>>()
            };
            Verdict::of(&answers(musts), &answers(limits))
        };
        assert_eq!(verdict(&[RuleOutcome::Yes, RuleOutcome::Yes], &[RuleOutcome::Yes]), Verdict::Holds);
        assert_eq!(
            verdict(&[RuleOutcome::Yes], &[RuleOutcome::Yes, RuleOutcome::No]),
            Verdict::HoldsWithALimit
        );
        assert_eq!(verdict(&[RuleOutcome::No, RuleOutcome::Open], &[RuleOutcome::No]), Verdict::Fails);
        assert_eq!(verdict(&[RuleOutcome::Yes, RuleOutcome::Open], &[]), Verdict::NotMeasurableHere);
        assert_eq!(
            verdict(&[RuleOutcome::Yes], &[RuleOutcome::No, RuleOutcome::Open]),
            Verdict::NotMeasurableHere
        );
    }
}
