"""Sounds: WAV files, spectrograms, mel features, and a network of words."""

import os
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow import keras

t = np.arange(4000) / 8000
wave = (0.5 * np.sin(2 * np.pi * 440 * t)).astype("float32")
path = os.path.join(tempfile.mkdtemp(), "tone.wav")
tf.io.write_file(path, tf.audio.encode_wav(wave[:, None], 8000))
audio, rate = tf.audio.decode_wav(tf.io.read_file(path), desired_channels=1)
print("audio", audio.shape, int(rate), round(float(tf.reduce_max(audio)), 3))
waveform = tf.squeeze(audio, axis=-1)


def get_spectrogram(waveform):
    spectrogram = tf.signal.stft(waveform, frame_length=255, frame_step=128)
    return tf.abs(spectrogram)[..., tf.newaxis]


spectrogram = get_spectrogram(waveform)
print("spectrogram", spectrogram.shape, round(float(tf.reduce_mean(spectrogram)), 4))
print("peak", int(tf.argmax(spectrogram[5, :, 0])))
magnitudes = spectrogram[..., 0]
mel_matrix = tf.signal.linear_to_mel_weight_matrix(16, magnitudes.shape[-1], 8000, 80.0, 3800.0)
mel = tf.tensordot(magnitudes, mel_matrix, 1)
print("mel", mel.shape, round(float(tf.reduce_sum(mel)), 2))
log_mel = tf.math.log(mel + 1e-6)
mfccs = tf.signal.mfccs_from_log_mel_spectrograms(log_mel)[..., :13]
print("mfccs", mfccs.shape, [round(float(v), 2) for v in mfccs[3, :3]])
spectrum = tf.signal.fft(tf.cast(waveform[:64], tf.complex64))
print("fft", spectrum.shape, round(float(tf.math.abs(spectrum[4])), 3))
frames = tf.signal.frame(waveform, 400, 160)
print("frames", frames.shape, round(float(tf.reduce_sum(frames[1] ** 2)), 3))
model = keras.Sequential(
    [
        keras.layers.Input(shape=spectrogram.shape),
        keras.layers.Resizing(16, 16),
        keras.layers.Normalization(mean=0.5, variance=4.0),
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(3),
    ]
)
rng = np.random.default_rng(0)
model.set_weights([rng.normal(0, 0.05, w.shape) for w in model.get_weights()])
print("logits", np.asarray(model(spectrogram[tf.newaxis])).round(3).tolist())
