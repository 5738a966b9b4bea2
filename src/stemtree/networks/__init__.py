"""Networks: features in, masks or logits out; nothing about files or devices."""
