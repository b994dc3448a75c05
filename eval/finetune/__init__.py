"""Fine-tuning: what a model learns from labelled examples of one language, measured in that language and in others."""
