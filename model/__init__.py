"""Ten Wings' video model: a Sora-style diffusion transformer, its data, training and scores.

Checkpoints travel as bytes, so training is a function from bytes to bytes:

    start = initial("nano", seed=0)
    result = train_inner(start, make_clips(num_clips=96, seed=1), TrainJob(num_steps=20, seed=2))
    video = sample(result.end_state, "a red ball falls on a white background", seed=3)

with `initial` from model.checkpoint, `make_clips` from model.data.worlds, `TrainJob` from model.job,
`train_inner` from model.train and `sample` from model.sample. Importing `model` alone loads nothing.
"""
