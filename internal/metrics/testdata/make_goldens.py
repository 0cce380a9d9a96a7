"""Write goldens.json beside this script: logits, labels and the figures that
scikit-learn (1.9) and SciPy give for them. Logits are multiples of 1/64, exact
in float32. Run: python make_goldens.py"""

import json
import pathlib
import warnings

import numpy as np
from scipy.special import logsumexp, softmax
from scipy.stats import binomtest
from sklearn import metrics as sk

warnings.filterwarnings("ignore")


def number(v):
    return float(v) if np.isfinite(v) else None


def averages(labels, predicted, classes, average):
    p, r, f, _ = sk.precision_recall_fscore_support(
        labels, predicted, labels=range(classes), average=average, zero_division=0)
    return {"precision": float(p), "recall": float(r), "f1": float(f)}


def calibration_error(p, labels):
    """Guo et al. 2017: 15 bins of equal width, each with its upper bound."""
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    edges, total = np.linspace(0, 1, 16), 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += abs(right[inside].mean() - confidence[inside].mean()) * inside.mean()
    return total


def case(name, logits, labels, positive=None, threshold=0.5):
    logits = np.round(np.asarray(logits, np.float64) * 64) / 64
    labels = np.asarray(labels)
    samples, classes = logits.shape
    p = softmax(logits, axis=1)
    order = np.argsort(-logits, axis=1, kind="stable")
    predicted = order[:, 0]
    if positive is not None:
        predicted = np.where(p[:, positive] >= threshold, positive, 1 - positive)
    per = sk.precision_recall_fscore_support(labels, predicted, labels=range(classes), zero_division=np.nan)
    f1 = sk.f1_score(labels, predicted, labels=range(classes), average=None, zero_division=np.nan)
    interval = binomtest(int((predicted == labels).sum()), samples).proportion_ci(0.95, method="wilson")
    top1 = float((predicted == labels).mean())
    top5 = float((order[:, :5] == labels[:, None]).any(axis=1).mean())
    names = [f"c{i}" for i in range(classes)]
    want = {
        "samples": samples,
        "loss": float((logsumexp(logits, axis=1) - logits[np.arange(samples), labels]).mean()),
        "top1": top1,
        "top5": top5,
        "topk": {"1": top1, "5": top5},
        "classes": names,
        "confusion": sk.confusion_matrix(labels, predicted, labels=range(classes)).tolist(),
        "per_class": [
            {"class": names[i], "precision": number(per[0][i]), "recall": number(per[1][i]),
             "f1": number(f1[i]), "support": int(per[3][i])} for i in range(classes)],
        "macro": averages(labels, predicted, classes, "macro"),
        "weighted": averages(labels, predicted, classes, "weighted"),
        "balanced_accuracy": float(sk.balanced_accuracy_score(labels, predicted)),
        "log_loss": float(sk.log_loss(labels, p, labels=range(classes))),
        "brier": float(sk.brier_score_loss(labels, p, labels=range(classes), scale_by_half=False))
        if classes > 2 else float(2 * sk.brier_score_loss(labels, p[:, 1], pos_label=1)),
        "ece": float(calibration_error(p, labels)),
        "intervals": {"top1": [float(interval.low), float(interval.high)]},
    }
    if positive is not None:
        truth, score = labels == positive, p[:, positive]
        both = truth.any() and not truth.all()
        c = want["per_class"][positive]
        want["binary"] = {
            "positive": names[positive], "threshold": threshold,
            "roc_auc": float(sk.roc_auc_score(truth, score)) if both else None,
            "pr_auc": float(sk.average_precision_score(truth, score)) if both else None,
            "precision": c["precision"], "recall": c["recall"], "f1": c["f1"],
        }
    return {"name": name, "logits": logits.ravel().tolist(), "labels": labels.tolist(),
            "positive": positive, "want": want}


def main():
    r = np.random.default_rng(7)

    def draw(samples, classes, pull=2.0, spread=1.5):
        labels = r.integers(0, classes, samples)
        logits = r.normal(0, spread, (samples, classes))
        logits[np.arange(samples), labels] += pull
        return logits, labels

    logits, labels = draw(60, 10)
    cases = [case("ten classes", logits, labels)]
    logits, labels = draw(40, 7)
    cases.append(case("a class without samples", logits, np.where(labels == 3, 2, labels)))
    logits, labels = draw(40, 6)
    logits[:, 4] = -9
    cases.append(case("a class never predicted", logits, labels))
    logits[:, 5] = -9
    cases.append(case("a class without samples or predictions", logits, np.where(labels == 5, 0, labels)))
    logits, labels = draw(50, 8)
    cases.append(case("equal logits", np.round(logits), labels))
    logits, labels = draw(30, 3, 1)
    cases.append(case("probabilities below 1e-16", logits * 60, labels))
    cases.append(case("one sample", [[0.5, 2, -1]], [1]))
    cases.append(case("one wrong sample", [[0.5, 2, -1]], [2]))
    logits, labels = draw(80, 2, 1)
    cases.append(case("binary", logits, labels, 1))
    cases.append(case("binary, first class positive", logits, labels, 0, 0.3))
    cases.append(case("binary, equal scores", np.round(logits), labels, 1, 0.5))
    cases.append(case("binary, high threshold", logits, labels, 1, 0.9))
    cases.append(case("binary, all positive", logits, labels, 1, 0.0))
    cases.append(case("binary, none positive", logits, labels, 1, 1.0))
    cases.append(case("binary, one class", logits[:9], np.ones(9, int), 1))
    cases.append(case("two classes without threshold", logits, labels))
    text = ",\n".join(json.dumps(c) for c in cases)
    pathlib.Path(__file__).with_name("goldens.json").write_text(f"[\n{text}\n]\n")


main()
