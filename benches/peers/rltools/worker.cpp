// RLtools: `rltools run sac|td3 [--width W] [--batch B] [--warmup N] [--steps N]` and `rltools about`.
// RLtools fixes widths and batch size when it is compiled; what was compiled is listed in `main`.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <rl_tools/operations/cpu_mux.h>
#include <rl_tools/nn/optimizers/adam/instance/operations_generic.h>
#include <rl_tools/nn/operations_cpu_mux.h>
#include <rl_tools/nn/layers/sample_and_squash/operations_generic.h>
#include <rl_tools/nn/layers/td3_sampling/operations_generic.h>
#include <rl_tools/rl/environments/pendulum/operations_cpu.h>
#include <rl_tools/nn_models/mlp/operations_generic.h>
#include <rl_tools/nn_models/sequential/operations_generic.h>
#include <rl_tools/nn_models/random_uniform/operations_generic.h>
#include <rl_tools/nn/optimizers/adam/operations_generic.h>
#include <rl_tools/rl/algorithms/sac/loop/core/config.h>
#include <rl_tools/rl/algorithms/sac/loop/core/operations_generic.h>
#include <rl_tools/rl/algorithms/td3/loop/core/config.h>
#include <rl_tools/rl/algorithms/td3/loop/core/operations_generic.h>

// RLtools declares what it calls of OpenBLAS itself, and clashes with cblas.h.
extern "C" char* openblas_get_config();
extern "C" char* openblas_get_corename();
extern "C" int openblas_get_num_threads();

namespace rlt = rl_tools;
namespace sac = rlt::rl::algorithms::sac;
namespace td3 = rlt::rl::algorithms::td3;
namespace pendulum = rlt::rl::environments::pendulum;

using Device = rlt::devices::DEVICE_FACTORY<>;
using Index = Device::index_t;
using Rng = Device::SPEC::RANDOM::ENGINE<>;
using Types = rlt::numeric_types::Policy<float>;
using Environment = rlt::rl::environments::Pendulum<pendulum::Specification<float, Index, pendulum::DefaultParameters<float>>>;
using Adam = rlt::nn::optimizers::adam::DEFAULT_PARAMETERS_PYTORCH<Types>; // 1e-3, epsilon 1e-8

// Keeps the temperature: RLtools steps it in any case.
struct Still : Adam {
    static constexpr float ALPHA = 0;
};

// The settings of the other rows, over the defaults of an algorithm.
template <typename Defaults, Index WIDTH, Index BATCH>
struct Shared : Defaults {
    static constexpr Index ACTOR_HIDDEN_DIM = WIDTH, CRITIC_HIDDEN_DIM = WIDTH;
    static constexpr Index ACTOR_NUM_LAYERS = 3, CRITIC_NUM_LAYERS = 3; // two hidden ones
    static constexpr Index REPLAY_BUFFER_CAP = 50000, STEP_LIMIT = 1000000000;
    // Random actions end, and updates begin, after a batch and one step.
    static constexpr Index N_WARMUP_STEPS = BATCH + 1, N_WARMUP_STEPS_CRITIC = BATCH + 1, N_WARMUP_STEPS_ACTOR = BATCH + 1;
    using OPTIMIZER_PARAMETERS = Adam;
    using ACTOR_OPTIMIZER_PARAMETERS = Adam;
    using CRITIC_OPTIMIZER_PARAMETERS = Adam;
    using ALPHA_OPTIMIZER_PARAMETERS = Still;
};

template <Index WIDTH, Index BATCH>
struct SacSettings : Shared<sac::loop::core::DefaultParameters<Types, Index, Environment>, WIDTH, BATCH> {
    struct SAC_PARAMETERS : sac::DefaultParameters<Types, Index, Environment::ACTION_DIM> {
        static constexpr Index ACTOR_BATCH_SIZE = BATCH, CRITIC_BATCH_SIZE = BATCH;
        static constexpr float ALPHA = 0.1;
    };
};

template <Index WIDTH, Index BATCH>
struct Td3Settings : Shared<td3::loop::core::DefaultParameters<Types, Index, Environment>, WIDTH, BATCH> {
    struct TD3_PARAMETERS : td3::DefaultParameters<Types, Index> {
        static constexpr Index ACTOR_BATCH_SIZE = BATCH, CRITIC_BATCH_SIZE = BATCH;
    };
};

template <Index WIDTH, Index BATCH>
struct Sac {
    static constexpr const char* NAME = "sac";
    static constexpr long ACTOR_EVERY = 1;
    using Config = sac::loop::core::Config<Types, Index, Rng, Environment, SacSettings<WIDTH, BATCH>>;
};

template <Index WIDTH, Index BATCH>
struct Td3 {
    static constexpr const char* NAME = "td3";
    static constexpr long ACTOR_EVERY = 2;
    using Config = td3::loop::core::Config<Types, Index, Rng, Environment, Td3Settings<WIDTH, BATCH>>;
};

// Times whole steps: act, step the environment, store, sample, update.
template <typename Algorithm>
int run(long warmup, long steps) {
    using Config = typename Algorithm::Config;
    using State = typename Config::template State<Config>;
    Device device;
    auto state = std::make_unique<State>();
    rlt::malloc(device);
    rlt::init(device);
    rlt::malloc(device, *state);
    rlt::init(device, *state, 0);
    auto& agent = state->actor_critic;
    auto age = [&](auto& optimizer) { return static_cast<long>(rlt::get(device, optimizer.age, 0)); };
    auto ages = [&] { return age(agent.critic_optimizers[0]) + age(agent.critic_optimizers[1]); };

    for (long step = 0; step < warmup; step++) {
        rlt::step(device, *state);
    }
    const long critics_before = ages(), actor_before = age(agent.actor_optimizer);
    const auto start = std::chrono::steady_clock::now();
    for (long step = 0; step < steps; step++) {
        rlt::step(device, *state);
    }
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    const long of_actor = (age(agent.actor_optimizer) - actor_before) * Algorithm::ACTOR_EVERY;
    if (ages() - critics_before != 2 * steps || std::labs(of_actor - steps) >= Algorithm::ACTOR_EVERY) {
        std::fprintf(stderr, "not one update a step\n");
        return 1;
    }
    std::printf("RESULT rltools-%s-run %.5f\n", Algorithm::NAME, time.count() / steps);
    rlt::free(device, *state);
    return 0;
}

int main(int count, char** words) {
    auto option = [&](const char* name, long value) {
        for (int i = 3; i + 1 < count; i += 2) {
            if (!std::strcmp(words[i], name)) {
                value = std::atol(words[i + 1]);
            }
        }
        return value;
    };
    if (count == 2 && !std::strcmp(words[1], "about")) {
        std::printf("%s, kernels %s, threads %d\n", openblas_get_config(), openblas_get_corename(), openblas_get_num_threads());
        return 0;
    }
    if (count >= 3 && !std::strcmp(words[1], "run")) {
        const bool is_sac = !std::strcmp(words[2], "sac"), is_td3 = !std::strcmp(words[2], "td3");
        const long width = option("--width", 256), batch = option("--batch", 128);
        const long warmup = option("--warmup", 1000), steps = option("--steps", 10000);
        if (is_sac && width == 64 && batch == 100) return run<Sac<64, 100>>(warmup, steps);
        if (is_sac && width == 256 && batch == 128) return run<Sac<256, 128>>(warmup, steps);
        if (is_td3 && width == 64 && batch == 100) return run<Td3<64, 100>>(warmup, steps);
    }
    std::fprintf(stderr, "usage: rltools run sac|td3 [options]; see main in worker.cpp for what is compiled\n");
    return 2;
}
