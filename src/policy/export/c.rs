//! A policy as one file of C99.

use std::fmt::Write;

use super::exported::Exported;
use super::recording::Recording;
use super::text::{head, numbers};
use crate::boundary::CLIP;
use crate::fused::{NORM_EPSILON, Operation};
use crate::nn::Activation;
use crate::space::MAX_MAGNITUDE;

/// The product with 355/512 is exact: 9 bits times 5 bits of n.
const EXP: &str = "\
/* exp z - 1 for z from 0 to 18.5, to within two roundings. */
static float exp_minus_1(float z)
{
    float r, t;
    long n;

    /* z = n ln 2 + r with |r| <= ln 2 / 2, and ln 2 = 355/512 - 2.12194440e-4. */
    n = (long)(z * 1.44269504f + 0.5f);
    r = (z - (float)n * 0.693359375f) + (float)n * 2.12194440e-4f;
    t = 1.0f / 5040.0f + r * (1.0f / 40320.0f);
    t = 1.0f / 120.0f + r * (1.0f / 720.0f + r * t);
    t = r + r * r * (0.5f + r * (1.0f / 6.0f + r * (1.0f / 24.0f + r * t)));
    return t * (float)(1L << n) + ((float)(1L << n) - 1.0f);
}
";

const TANH: &str = "\
/* tanh x = t / (t + 2) with t = exp(2|x|) - 1, to within three roundings. NaN stays NaN. */
static float squash(float x)
{
    float z = 2.0f * (x < 0.0f ? -x : x), t;

    if (!(z < 18.5f))
        return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x;
    t = exp_minus_1(z);
    t = t / (t + 2.0f);
    return x < 0.0f ? -t : t;
}
";

/// One row of weights at a time: compilers vectorise it without changing the order of a sum.
const LINEAR: &str = "\
/* y = x W + b, with W of shape [inputs, outputs]. */
static void linear(const float *restrict weight, const float *restrict bias, const float *restrict x, size_t inputs,
                   float *restrict y, size_t outputs)
{
    size_t i, j;

    for (j = 0; j < outputs; j++)
        y[j] = 0.0f;
    for (i = 0; i < inputs; i++)
        for (j = 0; j < outputs; j++)
            y[j] += x[i] * weight[i * outputs + j];
    for (j = 0; j < outputs; j++)
        y[j] += bias[j];
}
";

const LAYER_NORM: &str = "\
/* y = (x - mean) / sqrt(variance + epsilon) * gamma + beta. */
static void layer_norm(const float *restrict gamma, const float *restrict beta, const float *restrict x, size_t count,
                       float *restrict y)
{
    float mean = 0.0f, variance = 0.0f, scale;
    size_t i;

    for (i = 0; i < count; i++)
        mean += x[i];
    mean /= (float)count;
    for (i = 0; i < count; i++)
        variance += (x[i] - mean) * (x[i] - mean);
    scale = 1.0f / sqrtf(variance / (float)count + NORM_EPSILON);
    for (i = 0; i < count; i++)
        y[i] = (x[i] - mean) * scale * gamma[i] + beta[i];
}
";

const RELU: &str = "\
/* Not fmaxf, which would turn a NaN into a 0. */
static void relu(float *x, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        x[i] = x[i] < 0.0f ? 0.0f : x[i];
}
";

const TANH_ALL: &str = "\
static void squash_all(float *x, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        x[i] = squash(x[i]);
}
";

const ELU: &str = "\
/* exp x - 1 = -t / (t + 1) below 0, with t = exp(-x) - 1. */
static void elu(float *x, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (x[i] < 0.0f) {
            float t = x[i] > -18.5f ? exp_minus_1(-x[i]) : 1e8f;
            x[i] = -t / (t + 1.0f);
        }
}
";

/// Below −18.5 the function is within 2e-7 of 0.
const SILU: &str = "\
/* x / (1 + exp(-x)), with t = exp|x| - 1. */
static void silu(float *x, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        float z = x[i] < 0.0f ? -x[i] : x[i];
        if (z < 18.5f) {
            float t = exp_minus_1(z);
            x[i] = x[i] * (x[i] < 0.0f ? 1.0f : t + 1.0f) / (t + 2.0f);
        } else if (x[i] < 0.0f)
            x[i] = 0.0f;
    }
}
";

const SELF_TEST: &str = "\
/* Prints the first action that is not as recorded, if there is one, and returns 1 for it. */
int main(void)
{
    float action[POLICY_ACTIONS];
    size_t row, axis;

    for (row = 0; row < RECORDED; row++) {
        int failed = POLICY_ACT(recorded_observations + row * POLICY_OBSERVATIONS, action);
        if (failed) {
            printf(\"recorded observation %u must give an action, got the error %d\\n\", (unsigned)row, failed);
            return 1;
        }
        for (axis = 0; axis < POLICY_ACTIONS; axis++) {
            float expected = recorded_actions[row * POLICY_ACTIONS + axis];
            if (!(fabsf(action[axis] - expected) <= tolerances[axis])) {
                printf(\"action %u of recorded observation %u must be %.9g, got %.9g\\n\", (unsigned)axis, (unsigned)row,
                       (double)expected, (double)action[axis]);
                return 1;
            }
        }
    }
    printf(\"self-test passed: %u actions are as recorded\\n\", (unsigned)RECORDED);
    return 0;
}
";

/// Returns the text of the file.
pub(super) fn source(exported: &Exported<'_>, recording: &Recording) -> String {
    let mut text = comment(exported);
    constants(&mut text, exported);
    for (function, is_needed) in [
        (EXP, true),
        (TANH, true),
        (LINEAR, exported.has_linear()),
        (LAYER_NORM, exported.has_layer_norm()),
        (RELU, exported.has(Activation::Relu)),
        (TANH_ALL, exported.has(Activation::Tanh)),
        (ELU, exported.has(Activation::Elu)),
        (SILU, exported.has(Activation::Silu)),
    ] {
        if is_needed {
            text += function;
            text.push('\n');
        }
    }
    act(&mut text, exported);
    text += "\n#ifdef ACTOR_CRITIC_SELF_TEST\n#include <stdio.h>\n\n";
    write(&mut text, format_args!("#define RECORDED {}", recording.rows));
    array(&mut text, "recorded_observations", &recording.observations);
    array(&mut text, "recorded_actions", &recording.actions);
    array(&mut text, "tolerances", &recording.tolerances);
    text.push('\n');
    text += SELF_TEST;
    text += "#endif\n";
    text
}

/// Returns the head of the file: a comment, the includes, and the declaration of the function.
fn comment(exported: &Exported<'_>) -> String {
    let mut text = "/*\n".to_owned();
    for line in head(exported) {
        write(&mut text, format_args!("{}", format!(" * {line}").trim_end()));
    }
    let (observations, actions) = (exported.spaces.observation().dim(), exported.spaces.action().dim());
    write(
        &mut text,
        format_args!(
            " *\n * C99 with math.h. Copy the declaration below to a header of yours.\n \
             * Rename the function: -DPOLICY_ACT=other_name. Test it: -DACTOR_CRITIC_SELF_TEST adds a main.\n */\n\
             #include <math.h>\n#include <stddef.h>\n\n\
             #define POLICY_OBSERVATIONS {observations}\n#define POLICY_ACTIONS {actions}\n\
             #ifndef POLICY_ACT\n#define POLICY_ACT policy_act\n#endif\n\n\
             /*\n * Writes the action for an observation.\n \
             * Returns 0, or 1 if an observation is not finite or beyond {MAX_MAGNITUDE:e}, or 2 if the network gave NaN;\n \
             * action is then left as it was.\n */\n\
             int POLICY_ACT(const float observation[POLICY_OBSERVATIONS], float action[POLICY_ACTIONS]);\n"
        ),
    );
    text
}

/// Writes weights, normalisation and bounds.
fn constants(text: &mut String, exported: &Exported<'_>) {
    if exported.has_layer_norm() {
        write(text, format_args!("#define NORM_EPSILON {}\n", number(NORM_EPSILON)));
    }
    if let Some(map) = exported.normalization {
        array(text, "observation_mean", map.mean());
        array(text, "observation_scale", map.scale());
    }
    for (place, node) in exported.nodes() {
        let names = match &node.operation {
            Operation::Input | Operation::Activate { .. } | Operation::Join { .. } | Operation::Sum { .. } => continue,
            Operation::Affine { .. } => ["factor", "offset"],
            Operation::Linear { .. } => ["weight", "bias"],
            Operation::LayerNorm { .. } => ["gamma", "beta"],
        };
        for (name, values) in names.into_iter().zip(node.operation.numbers()) {
            array(text, &format!("{name}_{place}"), values);
        }
    }
    let space = exported.spaces.action();
    for (name, values) in [
        ("center", space.center().as_slice()),
        ("half_range", &space.half_range()),
        ("low", space.low()),
        ("high", space.high()),
    ] {
        array(text, name, values);
    }
    text.push('\n');
}

/// Writes the function.
fn act(text: &mut String, exported: &Exported<'_>) {
    let outputs: Vec<_> = exported.nodes().map(|(place, node)| format!("x{place}[{}]", node.width)).collect();
    let last = exported.last();
    write(
        text,
        format_args!(
            "int POLICY_ACT(const float observation[POLICY_OBSERVATIONS], float action[POLICY_ACTIONS])\n{{\n    \
             float {};\n    size_t i;\n\n    \
             for (i = 0; i < POLICY_OBSERVATIONS; i++)\n        \
             if (!(fabsf(observation[i]) <= {}))\n            return 1;",
            outputs.join(", "),
            number(MAX_MAGNITUDE),
        ),
    );
    for (place, node) in exported.nodes() {
        let width = node.width;
        match &node.operation {
            Operation::Input => input(text, place, exported.normalization.is_some()),
            Operation::Activate { of, .. } => {
                write(text, format_args!("    for (i = 0; i < {width}; i++)\n        x{place}[i] = x{of}[i];"));
            }
            Operation::Affine { of, .. } => write(
                text,
                format_args!(
                    "    for (i = 0; i < {width}; i++)\n        x{place}[i] = x{of}[i] * factor_{place}[i] + offset_{place}[i];"
                ),
            ),
            Operation::Join { left, right } => {
                let middle = exported.width(*left);
                write(
                    text,
                    format_args!(
                        "    for (i = 0; i < {width}; i++)\n        \
                         x{place}[i] = i < {middle} ? x{left}[i] : x{right}[i - {middle}];"
                    ),
                );
            }
            Operation::Sum { left, right } => write(
                text,
                format_args!("    for (i = 0; i < {width}; i++)\n        x{place}[i] = x{left}[i] + x{right}[i];"),
            ),
            Operation::Linear { of, .. } => {
                let inputs = exported.width(*of);
                write(
                    text,
                    format_args!("    linear(weight_{place}, bias_{place}, x{of}, {inputs}, x{place}, {width});"),
                );
            }
            Operation::LayerNorm { of, .. } => {
                write(text, format_args!("    layer_norm(gamma_{place}, beta_{place}, x{of}, {width}, x{place});"));
            }
        }
        let function = match node.operation.activation() {
            Some(Activation::Relu) => "relu",
            Some(Activation::Tanh) => "squash_all",
            Some(Activation::Elu) => "elu",
            Some(Activation::Silu) => "silu",
            None => continue,
        };
        write(text, format_args!("    {function}(x{place}, {width});"));
    }
    write(
        text,
        format_args!(
            "    for (i = 0; i < POLICY_ACTIONS; i++)\n        if (x{last}[i] != x{last}[i])\n            return 2;\n    \
             for (i = 0; i < POLICY_ACTIONS; i++) {{\n        \
             float a = squash(x{last}[i]) * half_range[i] + center[i];\n        \
             action[i] = a < low[i] ? low[i] : a > high[i] ? high[i] : a;\n    }}\n    return 0;\n}}"
        ),
    );
}

/// Writes the normalisation of the observation.
fn input(text: &mut String, place: usize, is_normalized: bool) {
    let clip = number(CLIP);
    let body = if is_normalized {
        format!(
            "    for (i = 0; i < POLICY_OBSERVATIONS; i++) {{\n        \
             float x = (observation[i] - observation_mean[i]) * observation_scale[i];\n        \
             x{place}[i] = x < -{clip} ? -{clip} : x > {clip} ? {clip} : x;\n    }}"
        )
    } else {
        format!("    for (i = 0; i < POLICY_OBSERVATIONS; i++)\n        x{place}[i] = observation[i];")
    };
    write(text, format_args!("{body}"));
}

/// Writes an array of constants.
fn array(text: &mut String, name: &str, values: &[f32]) {
    write(
        text,
        format_args!("static const float {name}[{}] = {{\n{}\n}};", values.len(), numbers(values, 8, "    ", number)),
    );
}

/// Returns a finite number as hexadecimal, exactly.
fn number(value: f32) -> String {
    let bits = value.to_bits();
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let (exponent, fraction) = ((bits >> 23) & 0xff, bits & 0x7f_ffff);
    // 23 bits and a zero are six digits.
    let digits = format!("{:06x}", fraction << 1);
    let digits = digits.trim_end_matches('0');
    match (exponent, fraction) {
        (0, 0) => format!("{sign}0.0f"),
        (0, _) => format!("{sign}0x0.{digits}p-126f"),
        (_, 0) => format!("{sign}0x1p{}f", exponent as i32 - 127),
        _ => format!("{sign}0x1.{digits}p{}f", exponent as i32 - 127),
    }
}

/// Writes a line.
fn write(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string can be written to");
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_every_bit() {
        for (value, text) in [
            (0.0_f32, "0.0f"),
            (-0.0, "-0.0f"),
            (1.0, "0x1p0f"),
            (-10.0, "-0x1.4p3f"),
            // 0.1 is 0x3dcccccd: 1.6000000238418579 / 16, and 0x4ccccd doubled is 0x99999a.
            (0.1, "0x1.99999ap-4f"),
            (f32::MAX, "0x1.fffffep127f"),
            (f32::MIN_POSITIVE, "0x1p-126f"),
            // The smallest subnormal number: the last bit of 23.
            (1e-45, "0x0.000002p-126f"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
