//! Forward and backward passes of networks: from an output and its gradient to the gradient of parameters or actions.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::learner::{Gradients, Learner, Networks};
use crate::fused::{FlatLearner, Members};
use crate::matrix::{HostMatrix, Matrix, Place};
use crate::nn::{ActionSample, Actor, Critic, Ensemble, StochasticActor};

/// Which gradient is needed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Of {
    Parameters,
    Actions,
}

/// Values of critics, with what the backward pass needs.
pub(crate) struct Values<'a, M> {
    /// Q(o, a) of each critic, `[n, critics]`.
    pub(crate) values: Matrix,
    back: ValuesBack<'a, M>,
    place: &'a Place,
}

#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
enum ValuesBack<'a, M> {
    Flat { learner: &'a mut FlatLearner, members: &'a Members, inputs: [&'a Matrix; 2] },
    Module { module: &'a M, values: Tensor<2>, actions: Tensor<2> },
}

impl<C: Critic> Learner<Ensemble<C>> {
    /// Computes Q(o, a) of some critics. A gradient of the parameters needs all of them.
    pub(crate) fn evaluate<'a>(
        &'a mut self,
        members: &'a Members,
        [observations, actions]: [&'a Matrix; 2],
        of: Of,
        place: &'a Place,
    ) -> Values<'a, Ensemble<C>> {
        match &mut self.networks {
            Networks::Flat { learner, .. } => {
                let inputs = [observations, actions];
                let values = learner.evaluate(members, inputs.map(|input| input.host().values()));
                Values { values: Matrix::Host(values), back: ValuesBack::Flat { learner, members, inputs }, place }
            }
            Networks::Module(modules) => {
                let (observations, mut actions) = (place.tensor(observations), place.tensor(actions));
                let module = match of {
                    Of::Parameters => modules.tracked(),
                    Of::Actions => {
                        actions = actions.autodiff().require_grad();
                        modules.plain()
                    }
                };
                let values = module.side_by_side(members, observations, actions.clone(), place);
                let back = ValuesBack::Module { module, values: values.clone(), actions };
                Values { values: place.take(values), back, place }
            }
        }
    }
}

impl<C: Critic> Values<'_, Ensemble<C>> {
    /// Backpropagates the gradient of the values to the parameters of the critics.
    pub(crate) fn pull_to_parameters(self, values: &Matrix) -> Gradients {
        match self.back {
            ValuesBack::Flat { learner, members, inputs } => {
                learner.pull_to_parameters(members, inputs.map(|input| input.host().values()), values.host());
                Gradients::Flat
            }
            ValuesBack::Module { module, values: output, .. } => {
                gradients_of(module, product_sum(output, self.place.tensor(values)))
            }
        }
    }

    /// Backpropagates the gradient of the values to the actions.
    pub(crate) fn pull_to_actions(self, values: &Matrix) -> Matrix {
        match self.back {
            ValuesBack::Flat { learner, members, inputs } => {
                let [_, columns] = inputs[1].dims();
                let inputs = inputs.map(|input| input.host().values());
                Matrix::Host(learner.pull_to_actions(members, inputs, values.host(), columns))
            }
            ValuesBack::Module { values: output, actions, .. } => {
                let gradients = product_sum(output, self.place.tensor(values)).backward();
                // There is no gradient if the critic ignores the action.
                let gradient = actions.grad(&gradients).unwrap_or_else(|| actions.clone().inner().zeros_like());
                self.place.take(gradient)
            }
        }
    }
}

/// Actions of a policy, with what the backward pass needs.
pub(crate) struct Actions<'a, M> {
    /// `[n, A]`
    pub(crate) actions: Matrix,
    /// log π(a∣o), `[n, 1]`, if the policy has a density.
    pub(crate) log_probs: Option<Matrix>,
    back: ActionsBack<'a, M>,
    place: &'a Place,
}

#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
enum ActionsBack<'a, M> {
    Flat { learner: &'a mut FlatLearner, observations: &'a Matrix, noise: Option<&'a Matrix>, outputs: HostMatrix },
    Module { module: &'a M, sample: ActionSample },
}

impl<A: Actor> Learner<A> {
    /// Computes the greedy action for each observation.
    pub(crate) fn act<'a>(&'a mut self, observations: &'a Matrix, place: &'a Place) -> Actions<'a, A> {
        match &mut self.networks {
            Networks::Flat { learner, .. } => {
                let outputs = learner.evaluate(&Members::up_to(1), [observations.host().values(), &[]]);
                let actions = Matrix::Host(learner.flat.head().greedy(&outputs));
                let back = ActionsBack::Flat { learner, observations, noise: None, outputs };
                Actions { actions, log_probs: None, back, place }
            }
            Networks::Module(modules) => {
                let module = modules.tracked();
                let actions = module.act(place.tensor(observations));
                Actions::of(module, ActionSample { actions, log_probs: None }, place)
            }
        }
    }
}

impl<A: StochasticActor> Learner<A> {
    /// Samples an action for each observation, as a function of standard normal noise.
    pub(crate) fn sample<'a>(
        &'a mut self,
        observations: &'a Matrix,
        noise: &'a Matrix,
        place: &'a Place,
    ) -> Actions<'a, A> {
        match &mut self.networks {
            Networks::Flat { learner, .. } => {
                let outputs = learner.evaluate(&Members::up_to(1), [observations.host().values(), &[]]);
                let (actions, log_probs) = learner.flat.head().sample(&outputs, noise.host());
                let back = ActionsBack::Flat { learner, observations, noise: Some(noise), outputs };
                Actions { actions: Matrix::Host(actions), log_probs: log_probs.map(Matrix::Host), back, place }
            }
            Networks::Module(modules) => {
                let module = modules.tracked();
                Actions::of(module, module.sample(place.tensor(observations), place.tensor(noise)), place)
            }
        }
    }
}

impl<'a, A: Module> Actions<'a, A> {
    fn of(module: &'a A, sample: ActionSample, place: &'a Place) -> Self {
        let ActionSample { actions, log_probs } = sample.clone();
        Self {
            actions: place.take(actions),
            log_probs: log_probs.map(|log_probs| place.take(log_probs)),
            back: ActionsBack::Module { module, sample },
            place,
        }
    }

    /// Backpropagates to the parameters of the policy: the gradient of the actions, and `log_prob`, the gradient of
    /// each log π(a∣o).
    pub(crate) fn pull_to_parameters(self, actions: &Matrix, log_prob: f64) -> Gradients {
        match self.back {
            ActionsBack::Flat { learner, observations, noise, outputs } => {
                let head = learner.flat.head();
                let outputs = match noise {
                    Some(noise) => head.pull_back(&outputs, noise.host(), actions.host(), log_prob),
                    None => head.pull_back_greedy(&outputs, actions.host()),
                };
                learner.pull_to_parameters(&Members::up_to(1), [observations.host().values(), &[]], &outputs);
                Gradients::Flat
            }
            ActionsBack::Module { module, sample: ActionSample { actions: output, log_probs } } => {
                let mut sum = product_sum(output, self.place.tensor(actions));
                if let Some(log_probs) = log_probs {
                    sum = sum + log_probs.sum() * log_prob;
                }
                gradients_of(module, sum)
            }
        }
    }
}

/// Returns a scalar whose gradient with respect to `output` is `gradient`.
fn product_sum(output: Tensor<2>, gradient: Tensor<2>) -> Tensor<1> {
    (output * gradient).sum()
}

fn gradients_of<M: Module>(module: &M, loss: Tensor<1>) -> Gradients {
    Gradients::Module(GradientsParams::from_grads(loss.backward(), module))
}
