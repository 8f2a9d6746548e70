"""Tiny models of the transformers library with random weights and a word tokenizer, saved to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = (
    *("a", "an", "the", "red", "blue", "green", "ball", "square", "moves", "left", "right"),
    *("on", "white", "navy", "background", "and", "bounces", "off", "floor"),
)


def save_tokenizer(
    folder: Path, *, start: str | None = None, end: str | None = "</s>", more: tuple[str, ...] = ()
) -> Any:
    """A token a word; `start` and `end` are set around every prompt where they are not None."""
    marks = ["<pad>", "</s>", "<unk>", "<s>", *more]
    vocabulary = {word: i for i, word in enumerate([*marks, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    single = " ".join(filter(None, [start, "$A", end]))
    special = [(mark, vocabulary[mark]) for mark in (start, end) if mark]
    tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=special)
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        bos_token="<s>",
        additional_special_tokens=list(more),
    )
    wrapped.save_pretrained(folder)
    return wrapped


def save_model(folder: Path, kind: str, *, seed: int = 0) -> None:
    """`t5`, `umt5`, `clip` or `llm`: width 16, two layers."""
    tokens = len(save_tokenizer(folder, start=None, end=None if kind == "llm" else "</s>"))
    torch.manual_seed(seed)
    t5 = {"vocab_size": tokens, "d_model": 16, "d_kv": 4, "d_ff": 32, "num_layers": 2, "num_heads": 4}
    other = {"vocab_size": tokens, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    other |= {"num_attention_heads": 4, "max_position_embeddings": 64, "pad_token_id": 0, "eos_token_id": 1}
    build = {
        "t5": lambda: transformers.T5EncoderModel(transformers.T5Config(**t5)),
        "umt5": lambda: transformers.UMT5EncoderModel(transformers.UMT5Config(**t5)),
        "clip": lambda: transformers.CLIPTextModel(transformers.CLIPTextConfig(**other, bos_token_id=3)),
        "llm": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**other, num_key_value_heads=2)),
    }[kind]
    build().save_pretrained(folder)


def save_blip(folder: Path) -> None:
    """A BLIP captioner: it sees one image and has no chat template."""
    tokenizer = save_tokenizer(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    marks = {"bos_token_id": 3, "eos_token_id": 1, "pad_token_id": 0, "sep_token_id": 1}
    text = {**sizes, **marks, "vocab_size": len(tokenizer), "encoder_hidden_size": 16, "max_position_embeddings": 64}
    config = transformers.BlipConfig(
        text_config=text, vision_config={**sizes, "image_size": 16, "patch_size": 8}, projection_dim=16
    )
    torch.manual_seed(0)
    transformers.BlipForConditionalGeneration(config).save_pretrained(folder)
    looker = transformers.BlipImageProcessorPil(size={"height": 16, "width": 16})
    transformers.BlipProcessor(image_processor=looker, tokenizer=tokenizer).save_pretrained(folder)


def save_llava(folder: Path) -> None:
    """A LLaVA chat model: it sees several images and a question."""
    tokenizer = save_tokenizer(folder, end=None, more=("<image>",))
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(**sizes, image_size=16, patch_size=8, projection_dim=16),
        text_config=transformers.LlamaConfig(
            **sizes, vocab_size=len(tokenizer), num_key_value_heads=2, pad_token_id=0, bos_token_id=3, eos_token_id=1
        ),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
    )
    torch.manual_seed(0)
    transformers.LlavaForConditionalGeneration(config).save_pretrained(folder)
    said = "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }}{% endif %}"
    transformers.LlavaProcessor(
        image_processor=transformers.CLIPImageProcessorPil(
            size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
        ),
        tokenizer=tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template="{% for m in messages %}{% for part in m['content'] %}" + said + "{% endfor %}{% endfor %}",
    ).save_pretrained(folder)
