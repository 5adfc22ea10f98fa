"""LoRA through PEFT: the layers that get adapters, and attention that stays exact."""
