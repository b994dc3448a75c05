"""A second head that learns to predict the token after the next from the same states, while a model is trained.

Yamaguchi et al. 2025 (2406.11477): the head is a copy of the model's own, its loss is added, and it is thrown away at
the end. Here a token weighs the same in both losses: they are divided by the number of tokens that the first head
predicts. Were each divided by its own number, the second would weigh more by one token in each document.
"""

from __future__ import annotations

from typing import Any

from vocabx.core.errors import InputError

__all__ = ["NAME", "attach", "detach", "labels_after_next", "second_head"]

NAME = "next_but_one"
"""What the head is called in the model, and ``next_but_one.weight`` in its checkpoints."""
IGNORED = -100


def attach(model: Any) -> None:
    """Give a causal model the second head, in place; its ``loss`` is then the sum of both losses.

    The head is a copy of the model's own as it is now, so attach it while all rows are in their matrix.

    Raises
    ------
    InputError
        When the model is no causal one, or its head is no plain linear layer.
    """
    import torch
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    head = model.get_output_embeddings()
    if type(model).__name__ in MODEL_FOR_MASKED_LM_MAPPING_NAMES.values():
        raise InputError(
            f"The recipe predicts the token after the next, and a {type(model).__name__} is a masked model, which "
            "predicts none; choose another recipe."
        )
    if not isinstance(head, torch.nn.Linear) or type(head).forward is not torch.nn.Linear.forward:
        raise InputError(
            "The recipe needs a copy of the output head, which must be a plain linear layer, and that of this "
            f"{type(model).__name__} is not; choose another recipe."
        )
    second: Any = torch.nn.Linear(head.in_features, head.out_features, head.bias is not None, head.weight.device)
    second.load_state_dict(head.state_dict())
    second = second.to(head.weight.dtype)
    model.add_module(NAME, second)
    states: list[Any] = []

    def keep_states(module: Any, inputs: tuple[Any, ...]) -> None:
        states[:] = inputs[:1]

    def add_loss(module: Any, inputs: tuple[Any, ...], options: dict[str, Any], output: Any) -> Any:
        # Inside the model's own call, where a wrapper that splits parameters over devices has them all at hand.
        kept = [states.pop() for _ in states[:]]
        if options.get("labels") is not None and module.training:
            output.loss = output.loss + _second_loss(module, kept[0], options)
        return output

    second.taken_back = (
        head.register_forward_pre_hook(keep_states),
        model.register_forward_hook(add_loss, with_kwargs=True),
    )


def detach(model: Any) -> None:
    """Take the second head away again; a model without one is left alone."""
    head = second_head(model)
    if head is not None:
        for hook in head.taken_back:
            hook.remove()
        delattr(model, NAME)


def second_head(model: Any) -> Any:
    """Return the second head, or None."""
    return getattr(model, NAME, None)


def labels_after_next(labels: Any) -> Any:
    """Return what is to be predicted at each place: the label two places on, if the one between is a label too.

    So nothing is predicted over the end of a document, whose next one begins with a token that is no label.

    Parameters
    ----------
    labels : tensor of int64, shape (rows, places)
        As the model takes them, -100 where there is nothing to predict.
    """
    from torch.nn import functional

    between = functional.pad(labels, (0, 1), value=IGNORED)[..., 1:]
    after = functional.pad(labels, (0, 2), value=IGNORED)[..., 2:]
    return after.masked_fill(between == IGNORED, IGNORED)


def _second_loss(model: Any, states: Any, options: dict[str, Any]) -> Any:
    scores = _finished(second_head(model)(states), model.config.get_text_config())
    items = options.get("num_items_in_batch")
    labels = labels_after_next(options["labels"])
    return model.loss_function(
        logits=scores,
        labels=None,
        vocab_size=scores.shape[-1],
        num_items_in_batch=items,
        shift_labels=labels.contiguous(),
    )


def _finished(scores: Any, config: Any) -> Any:
    """Do to scores what some models do to those of their own head."""
    scale, divisor = getattr(config, "logit_scale", None), getattr(config, "logits_scaling", None)
    cap = getattr(config, "final_logit_softcapping", None)
    if isinstance(scale, int | float):
        scores = scores * scale
    if isinstance(divisor, int | float):
        scores = scores / divisor
    return scores if cap is None else (scores / cap).tanh() * cap
