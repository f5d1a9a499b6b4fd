"""What ``train.py`` is made of: the config's schema, the trainer, checkpoints, metrics and the run's log."""
