"""How close an estimate is to the true signal: pure functions of audio, one family of metrics per module.

Ratios are in dB, kept within ± `stemtree.metrics.ratio.LIMIT`, and NaN where they are not defined, such as for a silent
reference. Statistics leave NaN out.
"""
