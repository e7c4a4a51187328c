//! One update of every agent and size, beside the matrix products it consists of.
//!
//! `cargo bench --bench updates` prints one line an update, `NAME … MILLISECONDS ms … ratio R`, where the ratio is to its own
//! products, run through the same backend in the same process, and then the parts of it, from public building blocks.
//! `cargo bench --bench updates -- NAME` keeps to the names that contain NAME. `-- --count NAME CALLS` runs CALLS updates of
//! the one of that name and nothing else, for callgrind.

mod harness;

use std::time::Duration;

use actor_critic::agent::Agent;
use actor_critic::burn::module::Module;
use actor_critic::burn::tensor::Tensor;
use actor_critic::nn::{Actor, Critic, StochasticActor};
use actor_critic::objective::{deterministic_actor_loss, soft_actor_loss, soft_value, td_loss, td_target};
use actor_critic::replay::Batch;
use actor_critic::target::polyak_update;
use harness::{Products, interleaved};

const BUDGET: Duration = Duration::from_secs(2);

/// One part of an update, by name.
type Part = (&'static str, Box<dyn FnMut()>);

struct Case {
    name: String,
    update: Box<dyn FnMut()>,
    parts: Vec<Part>,
    products: Products,
}

fn ddpg_case<C: Critic + 'static>(
    name: String,
    make: impl Fn() -> harness::Ddpg<C>,
    n: usize,
    products: Products,
) -> Case {
    let batch = harness::batch(n);
    let (mut agent, probe) = (make(), std::rc::Rc::new(make()));
    let target = |agent: &harness::Ddpg<C>, batch: &Batch| {
        let next_actions = agent.target_actor().act(batch.next_observations().clone());
        let next_values = agent.target_critic().q_value(batch.next_observations().clone(), next_actions);
        td_target(batch.rewards().clone(), batch.discounts().clone(), next_values)
    };
    let targets = target(&probe, &batch);
    let plain_critic = probe.critic().valid();
    let update = {
        let batch = batch.clone();
        Box::new(move || {
            agent.update(&batch).unwrap();
        })
    };
    let mut parts: Vec<Part> = Vec::new();
    let (agent, data) = (probe.clone(), batch.clone());
    parts.push(("target", Box::new(move || drop(target(&agent, &data)))));
    let (agent, data) = (probe.clone(), batch.clone());
    parts.push((
        "critic",
        Box::new(move || {
            let values = agent.critic().q_value(data.observations().clone(), data.actions().clone());
            drop(td_loss(values, targets.clone()).backward());
        }),
    ));
    let (agent, data) = (probe.clone(), batch);
    parts.push((
        "actor",
        Box::new(move || {
            let actions = agent.actor().act(data.observations().clone());
            let values = plain_critic.q_value(data.observations().clone(), actions);
            drop(deterministic_actor_loss(values).backward());
        }),
    ));
    let mut targets = Some((probe.target_actor().clone(), probe.target_critic().clone()));
    parts.push((
        "Polyak",
        Box::new(move || {
            let (actor, critic) = targets.take().unwrap();
            let tau = probe.config().tau;
            targets = Some((
                polyak_update(actor, probe.plain_actor(), tau).unwrap(),
                polyak_update(critic, probe.critic(), tau).unwrap(),
            ));
        }),
    ));
    Case { name, update, parts, products }
}

fn sac_case(width: usize, n: usize) -> Case {
    let batch = harness::batch(n);
    let (mut agent, probe) = (harness::sac(width), std::rc::Rc::new(harness::sac(width)));
    let noise = Tensor::<2>::zeros([n, harness::ACTION], &harness::device()) + 0.5;
    let smallest = |values: Vec<Tensor<2>>| values.into_iter().reduce(Tensor::min_pair).unwrap();
    let target = move |agent: &harness::Sac, batch: &Batch, noise: Tensor<2>| {
        let sample = agent.plain_actor().sample(batch.next_observations().clone(), noise);
        let values = smallest(agent.target_critics().q_values(batch.next_observations().clone(), sample.actions));
        let values = soft_value(values, sample.log_probs.unwrap(), agent.temperature());
        td_target(batch.rewards().clone(), batch.discounts().clone(), values)
    };
    let targets = target(&probe, &batch, noise.clone());
    let plain_critics = probe.critics().valid();
    let update = {
        let batch = batch.clone();
        Box::new(move || {
            agent.update(&batch).unwrap();
        })
    };
    let mut parts: Vec<Part> = Vec::new();
    let (agent, data, given) = (probe.clone(), batch.clone(), noise.clone());
    parts.push(("target", Box::new(move || drop(target(&agent, &data, given.clone())))));
    let (agent, data) = (probe.clone(), batch.clone());
    parts.push((
        "critic",
        Box::new(move || {
            let values = agent.critics().q_values(data.observations().clone(), data.actions().clone());
            let losses = values.into_iter().map(|values| td_loss(values, targets.clone()));
            drop(losses.reduce(|a, b| a + b).unwrap().backward());
        }),
    ));
    let (agent, data) = (probe.clone(), batch);
    parts.push((
        "actor",
        Box::new(move || {
            let sample = agent.actor().sample(data.observations().clone(), noise.clone());
            let values = smallest(plain_critics.q_values(data.observations().clone(), sample.actions));
            drop(soft_actor_loss(values, sample.log_probs.unwrap(), agent.temperature()).backward());
        }),
    ));
    let mut targets = Some(probe.target_critics().clone());
    parts.push((
        "Polyak",
        Box::new(move || {
            let tau = probe.config().tau;
            targets = Some(polyak_update(targets.take().unwrap(), probe.critics(), tau).unwrap());
        }),
    ));
    Case { name: format!("sac-{width}-batch-{n}"), update, parts, products: harness::sac_products(n, width) }
}

type Make = Box<dyn Fn() -> Case>;

/// The names of all cases, and how to make each.
fn cases() -> Vec<(String, Make)> {
    let mut cases: Vec<(String, Make)> = Vec::new();
    let lab = "ddpg-lab-batch-128".to_owned();
    let make = |name: String| move || ddpg_case(name.clone(), harness::ddpg_lab, 128, harness::ddpg_lab_products(128));
    cases.push((lab.clone(), Box::new(make(lab))));
    for width in [256, 64] {
        for n in [100, 128, 256] {
            let name = format!("ddpg-{width}-batch-{n}");
            let make = {
                let name = name.clone();
                move || ddpg_case(name.clone(), || harness::ddpg(width), n, harness::ddpg_products(n, width))
            };
            cases.push((name, Box::new(make)));
            cases.push((format!("sac-{width}-batch-{n}"), Box::new(move || sac_case(width, n))));
        }
    }
    cases
}

fn main() {
    // Cargo passes `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [flag, name, calls] = &args[..]
        && flag == "--count"
    {
        let calls: usize = calls.parse().expect("--count NAME CALLS: CALLS must be a number");
        let (_, make) = cases().into_iter().find(|case| case.0 == *name).expect("--count NAME CALLS: no such name");
        let mut case = make();
        (0..calls).for_each(|_| (case.update)());
        return;
    }
    println!("fused kernels: {}", actor_critic::fused::enabled());
    for (_, make) in cases().into_iter().filter(|(name, _)| args.iter().all(|part| name.contains(part.as_str()))) {
        let Case { name, mut update, mut parts, products } = make();
        let [seconds, floor] = interleaved(BUDGET, [&mut *update, &mut || products.run()]);
        println!(
            "{name} … {:.3} ms … ratio {:.2} (its products: {:.3} ms)",
            seconds * 1e3,
            seconds / floor,
            floor * 1e3
        );
        let mut rest = seconds;
        for (part, work) in &mut parts {
            let [seconds] = interleaved(BUDGET / 8, [&mut **work]);
            rest -= seconds;
            println!("    {part:<9} {:.3} ms", seconds * 1e3);
        }
        println!(
            "    optimizer {:.3} ms, with the units of the batch and reading the metrics: what is left of the whole",
            rest * 1e3
        );
    }
}
