"""LoRA through PEFT: which layers get adapters, and how attention keeps exact."""
