"""usage: make-gguf.py FILE: a two-layer Llama with seeded random weights and a byte tokenizer. Needs the package gguf."""

import sys

import gguf
import numpy as np

hidden, layers, heads = 64, 2, 1
random = np.random.default_rng(7)
writer = gguf.GGUFWriter(sys.argv[1], "llama")
writer.add_name("tiny")
writer.add_context_length(2048)
writer.add_embedding_length(hidden)
writer.add_block_count(layers)
writer.add_feed_forward_length(2 * hidden)
writer.add_head_count(heads)
writer.add_head_count_kv(heads)
writer.add_layer_norm_rms_eps(1e-6)
writer.add_rope_dimension_count(hidden // heads)

tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
writer.add_tokenizer_model("llama")
writer.add_token_list(tokens)
writer.add_token_scores([0.0] * len(tokens))
types = gguf.TokenType
writer.add_token_types([types.UNKNOWN, types.CONTROL, types.CONTROL, *[types.BYTE] * 256])
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
writer.add_unk_token_id(0)


def weights(name, *shape):
    writer.add_tensor(f"{name}.weight", (random.standard_normal(shape) * 0.1).astype(np.float32))


weights("token_embd", len(tokens), hidden)
# Only letters are ever chosen, so that answers can be read.
output = np.zeros((len(tokens), hidden), np.float32)
letters = [tokens.index(f"<0x{ord(letter):02X}>") for letter in "abcdefghijklmnopqrstuvwxyz"]
output[letters] = random.standard_normal((len(letters), hidden))
writer.add_tensor("output.weight", output)
writer.add_tensor("output_norm.weight", np.ones(hidden, np.float32))
for layer in range(layers):
    for norm in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(hidden, np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        weights(f"blk.{layer}.{name}", hidden, hidden)
    for name, shape in (("ffn_gate", (2 * hidden, hidden)), ("ffn_up", (2 * hidden, hidden)), ("ffn_down", (hidden, 2 * hidden))):
        weights(f"blk.{layer}.{name}", *shape)

writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
