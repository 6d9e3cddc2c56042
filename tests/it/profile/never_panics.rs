//! Property: no text makes the loader panic, and each mistake's place exists.

use super::*;
use proptest::prelude::*;

/// Tokens that a profile is made of, so that most texts get past the syntax.
fn token() -> impl Strategy<Value = String> {
    let words = "[ ] { } = , . \n \" ' [[ ]] extends port auth postgres redis s3.buckets sqs.queues ses secrets kms.keys \
            seed hooks version prefer accept databases dead_letter queue max_receive_count lifecycle cors value generate \
            17 -1 1.5 true false inf 99999999999999999999 0x1 1979-05-27 \"auto\" \"a\" \"é\" \"${postgres.x}\" # a b.c";
    let words: Vec<String> =
        words.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect();
    prop_oneof![8 => proptest::sample::select(words), 1 => Just("\n".to_owned()), 1 => ".{0,3}"]
}

/// A text that was loaded or refused, and if refused, with places that exist.
fn holds(toml: &str) {
    if let Err(mistakes) = load(&text(toml)) {
        assert!(!mistakes.is_empty() && !mistakes.render().is_empty());
        let count = toml.split('\n').count();
        for mistake in mistakes.iter().filter(|m| m.file == "devenv.toml" && m.line > 0) {
            assert!(mistake.line <= count && mistake.column >= 1, "{mistake}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn on_any_text(toml in "\\PC{0,200}") {
        holds(&toml);
    }

    #[test]
    fn on_any_tokens(tokens in proptest::collection::vec(token(), 0..60)) {
        holds(&tokens.join(" "));
    }

    #[test]
    fn on_a_damaged_profile(cut in any::<proptest::sample::Index>(), length in 0usize..40, put in token()) {
        let whole: Vec<char> = from_text().chars().collect();
        let start = cut.index(whole.len());
        let end = (start + length).min(whole.len());
        holds(&whole[..start].iter().copied().chain(put.chars()).chain(whole[end..].iter().copied()).collect::<String>());
    }
}

fn from_text() -> String {
    uncommented(&template("epicenter")) + DOCUMENTED.replace("extends", "# ").as_str()
}
