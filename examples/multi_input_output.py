"""Two inputs, two outputs: tomorrow's weather from today's readings and a few facts about the station.

    pronghorn run examples/multi_input_output.py

A functional model reads a day of hourly measurements through a convolution and the station's facts through a dense
layer, joins both, and answers two questions at once: will it rain (a probability), and how warm will it be (a number).
The weather is made up, by rules that need both inputs. Expect 96 % of the rain right, and the temperature half
a degree off.
"""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)

# 1. The data: 6,000 days. Pressure that falls and damp air bring rain, earlier in the mountains; the season, the
#    height and the day before decide how warm it gets.

days = 6_000
fall = rng.normal(size=(days, 1))
damp = rng.uniform(-1, 1, size=(days, 1))
warm = rng.normal(size=(days, 1))
height = rng.uniform(0, 2, size=(days, 1))
season = rng.uniform(0, 2 * np.pi, size=(days, 1))

hours = np.linspace(-1, 1, 24)
pressure = -fall * hours + 0.3 * rng.normal(size=(days, 24))
humidity = damp + 0.3 * rng.normal(size=(days, 24))
warmth = warm + np.sin(np.pi * hours) + 0.3 * rng.normal(size=(days, 24))

readings = np.stack([pressure, humidity, warmth], axis=-1).astype("float32")
station = np.concatenate([height, np.sin(season), np.cos(season)], axis=1).astype("float32")
rain = (fall + damp + 0.5 * (height - 1) > 0.3).astype("float32")
temperature = (12 - 10 * np.cos(season) - 5 * height + 3 * warm - 2 * rain).astype("float32")

known, new = slice(0, 5_000), slice(5_000, None)

# 2. The model.

readings_input = keras.Input((24, 3), name="readings")
station_input = keras.Input((3,), name="station")

day = layers.Conv1D(32, 5, activation="relu")(readings_input)
day = layers.MaxPooling1D(2)(day)
day = layers.Flatten()(day)
facts = layers.Dense(16, activation="relu")(station_input)

both = layers.concatenate([day, facts])
both = layers.Dense(64, activation="relu")(both)
rain_output = layers.Dense(1, activation="sigmoid", name="rain")(both)
temperature_output = layers.Dense(1, name="temperature")(both)

model = keras.Model(inputs=[readings_input, station_input], outputs=[rain_output, temperature_output])
model.summary()

# 3. The training: each output has its own loss. Squared degrees are large numbers, so they count less.

model.compile(
    optimizer=keras.optimizers.Adam(0.003),
    loss={"rain": "binary_crossentropy", "temperature": "mse"},
    loss_weights={"rain": 1.0, "temperature": 0.05},
    metrics={"rain": ["accuracy"], "temperature": ["mae"]},
)
model.fit(
    {"readings": readings[known], "station": station[known]},
    {"rain": rain[known], "temperature": temperature[known]},
    batch_size=64,
    epochs=12,
    verbose=2,
)

# 4. The test, on days it has not seen.

rain_probability, degrees = model.predict([readings[new], station[new]], batch_size=1_000, verbose=0)
right = np.mean((rain_probability > 0.5) == (rain[new] > 0.5))
error = np.mean(np.abs(degrees - temperature[new]))
mean_error = np.mean(np.abs(temperature[new] - temperature[known].mean()))
always = max(rain[new].mean(), 1 - rain[new].mean())
print(f"Rain: {right:.1%} right (the same answer every day: {always:.1%})")
print(f"Temperature: {error:.2f} degrees off (the mean every day: {mean_error:.2f})")
for index in range(3):
    print(
        f"  day {index + 1}: rain {rain_probability[index, 0]:4.0%}, {degrees[index, 0]:5.1f} degrees;"
        f" it came to {'rain' if rain[new][index, 0] else 'sun '} and {temperature[new][index, 0]:5.1f}"
    )
