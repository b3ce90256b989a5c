"""CSV files: make_csv_dataset, CsvDataset's pieces, decode_csv and TextLineDataset."""

import os
import tempfile

import numpy as np
import tensorflow as tf

path = os.path.join(tempfile.mkdtemp(), "titanic.csv")
rows = ["survived,sex,age,fare,deck"]
rng = np.random.default_rng(0)
for i in range(10):
    rows.append(f"{i % 2},{'male' if i % 3 else 'female'},{20 + i}.0,{7.25 + i},{'ABC'[i % 3]}")
with open(path, "w") as f:
    f.write("\n".join(rows) + "\n")
dataset = tf.data.experimental.make_csv_dataset(
    path, batch_size=5, label_name="survived", num_epochs=1, shuffle=False, ignore_errors=True
)
for batch, label in dataset.take(1):
    for key, value in batch.items():
        print(f"{key:10s}: {value.numpy()}")
    print("label", label.numpy())
lines = tf.data.TextLineDataset(path).skip(1)
for line in lines.take(2):
    print("line", line.numpy())
types = [0, "", 0.0, 0.0, ""]
features = tf.io.decode_csv(next(iter(lines)), record_defaults=types)
print("decoded", int(features[0]), features[1].numpy(), float(features[2]), float(features[3]), features[4].numpy())
parsed = lines.map(lambda line: tf.io.decode_csv(line, record_defaults=types)).batch(4)
for columns in parsed.take(1):
    print("columns", [c.numpy().tolist() for c in columns][:3])
interleaved = tf.data.Dataset.from_tensor_slices([path, path]).interleave(
    lambda p: tf.data.TextLineDataset(p).skip(1), cycle_length=2, block_length=1
)
print("interleaved", len(list(interleaved)))
ages = np.array([float(r.split(",")[2]) for r in rows[1:]])
slices = tf.data.Dataset.from_tensor_slices({"age": ages, "deck": [r.split(",")[4] for r in rows[1:]]})
first = next(iter(slices))
print("slice", float(first["age"]), first["deck"].numpy())
