use super::event::{Content, FILE_VERSION};
use super::*;
use crate::train::{EpisodeHistory, TrainerConfig, episode::summary_for_tests};

const NAMES: &[&str] = &["critic_loss", "actor_loss"];

/// Reads a file back as lines `step: what`; the time of each is checked.
fn lines(file: &[u8]) -> Vec<String> {
    let lines = record::tests::messages(file).into_iter().flat_map(|message| {
        let Event { wall_time, step, what } = Event::decode(message.as_slice()).unwrap();
        assert_eq!(wall_time, 12.5);
        let texts = match what.unwrap() {
            What::FileVersion(version) => vec![format!("version {version}")],
            What::SessionLog(log) => vec![format!("session {}", log.status)],
            What::Summary(summary) => summary
                .values
                .into_iter()
                .map(|value| match value.content.unwrap() {
                    Content::Scalar(scalar) => format!("{} {scalar}", value.tag),
                    Content::Tensor(tensor) => {
                        assert_eq!(value.metadata.unwrap().plugin.unwrap().name, "text");
                        assert_eq!((tensor.data_type, tensor.shape.unwrap().axes[0].size), (7, 1));
                        let text = String::from_utf8(tensor.texts.concat()).unwrap();
                        format!("{} text of {} lines", value.tag, text.lines().count())
                    }
                })
                .collect(),
        };
        texts.into_iter().map(move |text| format!("{step}: {text}"))
    });
    lines.collect()
}

fn step(environment_steps: usize, loss: f64) -> StepReport {
    StepReport { environment_steps, updates: 1, metrics: Some(vec![loss, 0.0]), ..StepReport::default() }
}

#[test]
fn the_first_record_is_the_version_byte_for_byte() {
    let (mut out, config) = (Vec::new(), TrainerConfig::new(1));
    let mut log = TensorBoard::to(&mut out, || 0.0);
    log.on_start(&RunInfo {
        config: &config,
        metric_names: &[],
        history: &EpisodeHistory::default(),
        evaluations: &[],
        agent: crate::train::AgentInfo::for_tests(),
    })
    .unwrap();
    drop(log);
    // Field 3 of 13 bytes: the key is 3 << 3 | 2. A time and a step of zero are left out.
    assert_eq!(&out[..8], [15, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&out[12..14], [0x1a, 13]);
    assert_eq!(&out[14..27], FILE_VERSION.as_bytes());
}

#[test]
fn episodes_evaluations_and_every_other_step_read_back_in_order() {
    let config = TrainerConfig::new(2);
    let first = summary_for_tests(0, -1.5, -1.5);
    let second = EpisodeSummary { metrics: Some(vec![0.25, -2.0]), ..summary_for_tests(1, -0.5, -1.0) };
    let evaluation = EvaluationSummary { environment_steps: 400, updates: 1, returns: vec![-3.0, -1.0] };
    let mut out = Vec::new();
    let mut log = TensorBoard::to(&mut out, || 12.5)
        .every_steps(2)
        .with_settings("agent", &serde_json::json!({ "tau": 0.005 }))
        .unwrap();
    let run = |history| RunInfo {
        config: &config,
        metric_names: NAMES,
        history,
        evaluations: &[],
        agent: crate::train::AgentInfo::for_tests(),
    };
    let (none, one) = (EpisodeHistory::default(), [first.clone()].into_iter().collect());
    log.on_start(&run(&none)).unwrap();
    assert!(log.on_episode(&first).unwrap().is_continue());
    for report in [step(201, 1.0), step(202, 2.0), step(203, 3.0), StepReport { metrics: None, ..step(204, 0.0) }] {
        assert!(log.on_step(&report).unwrap().is_continue());
    }
    // The run was ended and goes on: no second head, and nothing twice. Two steps at once pass a multiple.
    log.on_start(&run(&one)).unwrap();
    assert!(log.on_step(&step(205, 5.0)).unwrap().is_continue());
    assert!(log.on_step(&step(207, 7.0)).unwrap().is_continue());
    assert!(log.on_episode(&second).unwrap().is_continue());
    assert!(log.on_evaluation(&evaluation).unwrap().is_continue());
    drop(log);
    assert_eq!(
        lines(&out),
        [
            "0: version brain.Event:2",
            "0: session 1",
            "0: settings/schedule text of 13 lines",
            "0: settings/agent text of 5 lines",
            "200: rollout/return -1.5",
            "200: rollout/average_return -1.5",
            "200: rollout/length 200",
            "202: step/critic_loss 2",
            "202: step/actor_loss 0",
            "207: step/critic_loss 7",
            "207: step/actor_loss 0",
            "400: rollout/return -0.5",
            "400: rollout/average_return -1",
            "400: rollout/length 200",
            "400: train/critic_loss 0.25",
            "400: train/actor_loss -2",
            "400: evaluation/mean_return -2",
            "400: evaluation/min_return -3",
            "400: evaluation/max_return -1",
        ]
    );
}

#[test]
fn a_run_resumed_by_another_program_has_a_whole_file_of_its_own() {
    let (folder, config) = (tempfile::tempdir().unwrap(), TrainerConfig::new(2));
    let episodes = [summary_for_tests(0, -1.5, -1.5), summary_for_tests(1, -0.5, -1.0)];
    let evaluations = [EvaluationSummary { environment_steps: 200, updates: 0, returns: vec![] }];
    let run = |history, evaluations| RunInfo {
        config: &config,
        metric_names: NAMES,
        history,
        evaluations,
        agent: crate::train::AgentInfo::for_tests(),
    };
    let none = EpisodeHistory::default();
    {
        let mut log = TensorBoard::create_with_clock(&folder, || 12.5).unwrap();
        log.on_start(&run(&none, &[])).unwrap();
        assert!(log.on_episode(&episodes[0]).unwrap().is_continue());
        assert!(log.on_evaluation(&evaluations[0]).unwrap().is_continue());
        assert!(log.on_episode(&episodes[1]).unwrap().is_continue());
    }
    TensorBoard::create_with_clock(&folder, || 12.5)
        .unwrap()
        .on_start(&run(&episodes.into_iter().collect(), &evaluations))
        .unwrap();
    let [first, second] = [0, 1].map(|index| {
        std::fs::read(folder.path().join(format!("events.out.tfevents.0000000012.00000{index}.actor-critic"))).unwrap()
    });
    assert_eq!(first, second);
    assert!(lines(&first).contains(&"200: evaluation/mean_return NaN".to_owned()));
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(TensorBoard::create(file.join("runs")).is_err());
}
