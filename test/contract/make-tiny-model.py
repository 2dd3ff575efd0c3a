"""usage: make-tiny-model.py DIR HIDDEN SEED

Writes a two-layer Llama with seeded random weights and a byte tokenizer: the same seed always answers the same at temperature 0, two
seeds answer differently. The heads have 64 (with 16 the server starts, is healthy, and dies of the first request).
"""

import os
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

folder, hidden, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
assert hidden % 64 == 0, "heads of 64"

vocab = {token: i for i, token in enumerate(["<unk>", "<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())])}
bytes_only = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="<unk>"))
bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
bytes_only.decoder = decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytes_only, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "

config = LlamaConfig(
    architectures=["LlamaForCausalLM"], vocab_size=len(vocab), hidden_size=hidden, intermediate_size=2 * hidden,
    num_hidden_layers=2, num_attention_heads=hidden // 64, num_key_value_heads=1, max_position_embeddings=8192,
    bos_token_id=1, eos_token_id=2, tie_word_embeddings=False,
)
os.makedirs(folder, exist_ok=True)
tokenizer.save_pretrained(folder)
torch.manual_seed(seed)
LlamaForCausalLM(config).save_pretrained(folder)
