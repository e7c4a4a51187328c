//! One update of every agent and size, beside the matrix products it consists of.
//!
//! `cargo bench --bench updates` prints one line an update, `NAME … MILLISECONDS ms … ratio R`, where the ratio is to its own
//! products, run through the same backend in the same process.
//! `cargo bench --bench updates -- NAME` keeps to the names that contain NAME. `-- --count NAME CALLS` runs CALLS updates of
//! the one of that name and nothing else, for callgrind.

mod harness;

use std::time::Duration;

use actor_critic::agent::Agent;
use harness::{Products, interleaved};

const BUDGET: Duration = Duration::from_secs(2);

struct Case {
    name: String,
    update: Box<dyn FnMut()>,
    products: Products,
}

/// One update after another of an agent, on one batch.
fn case<A: Agent + 'static>(name: String, mut agent: A, n: usize, products: Products) -> Case {
    let batch = harness::batch(n);
    let update = Box::new(move || {
        agent.update(&batch).unwrap();
    });
    Case { name, update, products }
}

type Make = Box<dyn Fn() -> Case>;

/// The names of all cases, and how to make each.
fn cases() -> Vec<(String, Make)> {
    let mut cases: Vec<(String, Make)> = Vec::new();
    let mut add = |name: String, make: Box<dyn Fn(String) -> Case>| {
        cases.push((name.clone(), Box::new(move || make(name.clone()))));
    };
    let lab = |name| case(name, harness::ddpg_lab(), 128, harness::ddpg_lab_products(128));
    add("ddpg-lab-batch-128".to_owned(), Box::new(lab));
    for width in [256, 64] {
        for n in [100, 128, 256] {
            let ddpg = move |name| case(name, harness::ddpg(width), n, harness::ddpg_products(n, width));
            add(format!("ddpg-{width}-batch-{n}"), Box::new(ddpg));
            let sac = move |name| case(name, harness::sac(width), n, harness::sac_products(n, width));
            add(format!("sac-{width}-batch-{n}"), Box::new(sac));
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
        let Case { name, mut update, products } = make();
        let [seconds, floor] = interleaved(BUDGET, [&mut *update, &mut || products.run()]);
        println!(
            "{name} … {:.3} ms … ratio {:.2} (its products: {:.3} ms)",
            seconds * 1e3,
            seconds / floor,
            floor * 1e3
        );
    }
}
