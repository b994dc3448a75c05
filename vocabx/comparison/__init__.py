"""Many methods on one model and one tokenizer, ranked by bits per byte."""
