"""The console scripts: `inspect-data`, `train-teacher` and the umbrella `teacher`."""
