//! Tests of the history.

use super::*;

fn summary(episode: usize) -> EpisodeSummary {
    EpisodeSummary {
        episode,
        steps: if episode == 3 { 1 << 40 } else { episode % 5 },
        episode_return: 0.1 * episode as f64,
        average_return: -0.5,
        terminated: episode.is_multiple_of(2),
        truncated: episode.is_multiple_of(3),
        environment_steps: episode + 1,
        updates: episode / 2,
        metrics: (episode > 4).then(|| vec![episode as f64, -1.0]),
    }
}

fn history(episodes: usize) -> EpisodeHistory {
    let mut history = EpisodeHistory::with_metrics(2);
    (0..episodes).for_each(|episode| history.push(&summary(episode)));
    history
}

#[test]
fn it_gives_back_what_was_pushed() {
    for n in [0, 1, 6, EPISODES_IN_PART, EPISODES_IN_PART + 3] {
        let (history, expected) = (history(n), (0..n).map(summary).collect::<Vec<_>>());
        assert_eq!((history.len(), history.is_empty()), (n, n == 0));
        assert!(history == expected[..] && history.iter().rev().eq(expected.iter().rev().cloned()));
        assert_eq!((history.last(), history.get(n)), (expected.last().cloned(), None));
        assert_eq!(history.iter().nth(5), expected.get(5).cloned());
        assert_eq!(history, expected.into_iter().collect::<EpisodeHistory>());
    }
    assert_eq!(history(9).newest_returns(2).collect::<Vec<_>>(), [7, 8].map(|episode| 0.1 * f64::from(episode)));
    assert_eq!(history(2).newest_returns(9).count(), 2);
}

#[test]
fn a_part_that_is_full_is_not_written_again() {
    let mut history = history(EPISODES_IN_PART + 3);
    let digest = |history: &mut EpisodeHistory, part| {
        let (digest, file) = history.part_digest(part).unwrap();
        (digest, file.is_some())
    };
    let before = [digest(&mut history, 0), digest(&mut history, 1)];
    assert_eq!(before.map(|(_, made)| made), [true, true]);
    assert_eq!([digest(&mut history, 0).1, digest(&mut history, 1).1], [false, false]);
    history.push(&summary(EPISODES_IN_PART + 3));
    let after = [digest(&mut history, 0), digest(&mut history, 1)];
    assert_eq!(after.map(|(_, made)| made), [false, true]);
    assert!(after[0].0 == before[0].0 && after[1].0 != before[1].0);
}

#[test]
fn parts_come_back_bit_for_bit_and_others_are_named() {
    let saved = history(EPISODES_IN_PART + 7);
    let mut read = EpisodeHistory::with_metrics(2);
    for (part, episodes) in [(0, EPISODES_IN_PART), (1, 7)] {
        let file = saved.part_file(part).unwrap();
        read.append_part(&file, Digest::of(&file), episodes).unwrap();
    }
    assert_eq!(read, saved);
    assert_eq!(read.part_file(0).unwrap(), saved.part_file(0).unwrap());
    let early = history(4);
    let (mut read, file) = (EpisodeHistory::with_metrics(2), early.part_file(0).unwrap());
    read.append_part(&file, Digest::of(&file), 4).unwrap();
    assert_eq!((read.parts[0].metrics.capacity(), &read), (0, &early), "metrics take no room before the first update");
    read.push(&summary(9));
    assert_eq!(read.last().and_then(|episode| episode.metrics), Some(vec![9.0, -1.0]));

    // Of an agent that reports nothing.
    let silent: EpisodeHistory = [EpisodeSummary { metrics: Some(Vec::new()), ..summary(0) }].into_iter().collect();
    let (mut read, file) = (EpisodeHistory::default(), silent.part_file(0).unwrap());
    read.append_part(&file, Digest::of(&file), 1).unwrap();
    assert_eq!(read, silent);

    let file = saved.part_file(1).unwrap();
    let append = |metrics, episodes| {
        EpisodeHistory::with_metrics(metrics).append_part(&file, Digest::of(&file), episodes).unwrap_err().to_string()
    };
    assert_eq!(append(2, 8), "`steps` must have shape [8], got [7]");
    assert_eq!(append(3, 7), "`metrics` must have shape [7, 3], got [7, 2]");
    let mut state = State::from_bytes(&file).unwrap();
    state.take_row::<u64>("flags").unwrap();
    state.put_array("flags", &[7], vec![8_u64; 7]);
    let error = EpisodeHistory::with_metrics(2).append_state(state, 7).unwrap_err();
    assert_eq!(error.to_string(), "`flags` must be at most 7, got 8");
}

#[test]
fn counts_beyond_those_of_the_run_are_named() {
    let text = |steps, updates| history(9).check_counts(steps, updates).map_err(|error| error.to_string());
    assert_eq!(text(1 << 40, 4), Ok(()));
    assert_eq!(text(99, 4), Err("`steps` must be at most 99, got 1099511627776".to_owned()));
    assert_eq!(text(1 << 40, 3), Err("`updates` must be at most 3, got 4".to_owned()));
}

#[test]
fn an_episode_takes_less_than_forty_bytes_and_its_metrics() {
    let n = 1 << 20;
    let mut history = EpisodeHistory::with_metrics(3);
    let episode = EpisodeSummary { metrics: Some(vec![0.5; 3]), ..summary(0) };
    (0..n).for_each(|_| history.push(&episode));
    let bytes = |part: &Part| {
        let Part { returns, average_returns, environment_steps, updates, steps_and_flags, metrics, .. } = part;
        let floats = returns.capacity() + average_returns.capacity() + metrics.capacity();
        8 * (floats + environment_steps.capacity() + updates.capacity()) + 4 * steps_and_flags.capacity()
    };
    let bytes: usize = history.parts.iter().map(|part| bytes(part) + size_of::<Part>()).sum();
    assert!(bytes / n < 40 + 3 * 8, "{} bytes an episode", bytes / n);
}
