"""Loops for PyTorch: with an optimizer of Keras's, and with one of PyTorch's on the model's parameters."""

import keras
import torch
from guide_parts import LABELS, X, penalized, show, start

model = penalized()
pairs = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(LABELS).long())
loader = torch.utils.data.DataLoader(pairs, batch_size=20, shuffle=False)

loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.Adam(1e-2)
accuracy = keras.metrics.SparseCategoricalAccuracy()
for _ in range(2):
    losses = []
    for x, y in loader:
        logits = model(x, training=True)
        loss = loss_of(y, logits)
        if model.losses:
            loss = loss + torch.sum(torch.stack(model.losses))
        model.zero_grad()
        trainable_weights = list(model.trainable_weights)
        loss.backward()
        gradients = [v.value.grad for v in trainable_weights]
        with torch.no_grad():
            optimizer.apply(gradients, trainable_weights)
        accuracy.update_state(y, logits)
        losses.append(loss.item())
    show("losses", losses)
    show("accuracy", [accuracy.result()])
    accuracy.reset_state()

own = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
cross_entropy = torch.nn.CrossEntropyLoss()
for _ in range(2):
    losses = []
    model.train()
    for x, y in loader:
        loss = cross_entropy(model(x, training=True), y)
        own.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        own.step()
        losses.append(loss.item())
    show("losses of its own", losses)
model.eval()
model.to("cpu")
with torch.no_grad():
    show("outputs", model(torch.from_numpy(X[:2]), training=False).numpy())
show("count", [sum(p.numel() for p in model.parameters() if p.requires_grad)])
show("squares", [sum((v.value**2).sum() for v in model.trainable_variables).item()])
kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
start(model, 3)
model.load_state_dict(kept)
show("predict", model.predict(X[:2], verbose=0))
