"""Speed and memory as ratios against named baselines, measured in one run: `make bench`."""
