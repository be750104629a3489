"""VarCollection against a plain model: a list of (name, number of the variable) and a list of values."""

import contextlib
import copy
import operator
import re

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.core.surgery import freeze, unfreeze

NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
JOINS = [operator.add, operator.or_, lambda left, right: dict(left.items()) | right]
KINDS = {objax.TrainVar: "train", objax.StateVar: "state", objax.TrainRef: "ref"}


@contextlib.contextmanager
def conflict(names):
    """Expects the ValueError that names `names`, none if there are none; yields whether it expects one."""
    message = f"^{re.escape(f'Name conflicts when combining VarCollection {names}')}\n"
    with pytest.raises(ValueError, match=message) if names else contextlib.nullcontext():
        yield bool(names)


class Model:
    """What a collection should be: `pairs` of name and variable in order."""

    def __init__(self, pairs=()):
        self.pairs = dict(pairs)

    def unique(self):
        return list(dict.fromkeys(self.pairs.values()))

    def conflicts(self, pairs):
        known, found = dict(self.pairs), set()
        for name, variable in pairs:
            if known.setdefault(name, variable) != variable:
                found.add(name)
            known[name] = variable
        return sorted(found)


class Collections(RuleBasedStateMachine):
    """Variables are numbers in the model; `values` holds what each one stores."""

    collections = Bundle("collections")

    def __init__(self):
        super().__init__()
        self.variables, self.values = [], []

    @initialize(target=collections)
    def empty(self):
        return objax.VarCollection(), Model()

    @initialize(shapes=st.lists(st.sampled_from([(), (1,), (2,), (2, 1)]), min_size=3, max_size=5))
    def make_variables(self, shapes):
        """Two variables of each kind: states, trained ones, and references to these."""
        for i, shape in enumerate(shapes):
            value = np.full(shape, i, "float32")
            kind = objax.TrainVar if i % 2 else objax.StateVar
            self.variables.append(kind(jn.array(value)))
            self.values.append((len(self.values), value))
            if kind is objax.TrainVar:
                self.variables.append(objax.TrainRef(self.variables[-1]))
                self.values.append((len(self.values) - 1, None))

    def value(self, number):
        """The value of a variable; a reference has that of what it refers to."""
        place, _ = self.values[number]
        return self.values[place][1]

    def store(self, number, value):
        place, _ = self.values[number]
        self.values[place] = (place, value)

    def pick(self, data):
        return data.draw(st.integers(0, len(self.variables) - 1), label="variable")

    @rule(pair=collections, name=NAMES, data=st.data())
    def add(self, pair, name, data):
        self.update_with(pair, [(name, self.pick(data))], lambda vc, pairs: vc.__setitem__(*pairs[0]))

    @rule(
        pair=collections,
        names=st.lists(NAMES, max_size=4),
        data=st.data(),
        how=st.sampled_from(["pairs", "update", "+="]),
    )
    def update(self, pair, names, data, how):
        pairs = [(name, self.pick(data)) for name in names]
        if how != "pairs":
            pairs = list(dict(pairs).items())
        change = {
            "pairs": lambda vc, pairs: vc.update(pairs),
            "update": lambda vc, pairs: vc.update(dict(pairs[:1]), **dict(pairs[1:])),
            "+=": lambda vc, pairs: vc.__iadd__(dict(pairs)),
        }[how]
        self.update_with(pair, pairs, change)

    def update_with(self, pair, pairs, change):
        collection, model = pair
        named = [(name, self.variables[number]) for name, number in pairs]
        with conflict(model.conflicts(pairs)) as refused:
            change(collection, named)
        if not refused:
            model.pairs.update(pairs)

    @rule(target=collections, left=collections, right=collections, join=st.sampled_from(JOINS))
    def join(self, left, right, join):
        with conflict(left[1].conflicts(right[1].pairs.items())) as refused:
            joined = join(left[0], right[0])
        return left if refused else (joined, Model({**left[1].pairs, **right[1].pairs}))

    @rule(target=collections, pair=collections, new=st.fixed_dictionaries(dict.fromkeys("abcde", NAMES)))
    def rename(self, pair, new):
        collection, model = pair
        renamed = [(new[name], number) for name, number in model.pairs.items()]
        with conflict(Model().conflicts(renamed)) as refused:
            result = collection.rename(new.__getitem__)
        return pair if refused else (result, Model(dict(renamed)))

    @rule(
        target=collections,
        pair=collections,
        is_a=st.sampled_from([None, *KINDS]),
        is_not=st.sampled_from([None, *KINDS]),
    )
    def subset(self, pair, is_a, is_not):
        kept = {
            name: number
            for name, number in pair[1].pairs.items()
            if is_a in (None, type(self.variables[number])) and type(self.variables[number]) is not is_not
        }
        return pair[0].subset(is_a, is_not), Model(kept)

    @rule(target=collections, pair=collections, names=st.sets(NAMES), pattern=st.sampled_from(["?", "*", "[ab]", "a"]))
    def filter(self, pair, names, pattern):
        """A pattern of one letter, or else a choice of names; brackets stand for themselves."""
        kept = {"?": set("abcde"), "*": names, "[ab]": set(), "a": {"a"}}[pattern]
        selector = (lambda name, v: name in names) if pattern == "*" else pattern
        pairs = {name: number for name, number in pair[1].pairs.items() if name in kept}
        return pair[0].filter(selector), Model(pairs)

    @rule(target=collections, pair=collections, duplicate=st.sampled_from([objax.VarCollection.copy, copy.copy, dict]))
    def copy(self, pair, duplicate):
        return objax.VarCollection(duplicate(pair[0])), Model(pair[1].pairs)

    @rule(pair=collections, name=NAMES, data=st.data())
    def setdefault(self, pair, name, data):
        collection, model = pair
        number = model.pairs.setdefault(name, self.pick(data))
        assert collection.setdefault(name, self.variables[number]) is self.variables[number]

    @rule(pair=collections)
    def freeze_and_unfreeze(self, pair):
        """Changes no name and no value; each trained variable is frozen once."""
        collection, model = pair
        trained = [number for number in model.unique() if type(self.variables[number]) is objax.TrainVar]
        assert [id(v) for v in freeze(collection)] == [id(self.variables[number]) for number in trained]
        assert not collection.subset(objax.TrainVar)
        self.check(collection, model)
        unfreeze(collection)
        assert all(type(self.variables[number]) is objax.TrainVar for number in trained)

    @rule(pair=collections, name=NAMES)
    def remove(self, pair, name):
        collection, model = pair
        assert (collection.pop(name, None) is not None) == (model.pairs.pop(name, None) is not None)
        self.check(collection, model)

    @rule(pair=collections, change=st.integers(-3, 3))
    def assign(self, pair, change):
        collection, model = pair
        collection.assign([t + change for t in collection.tensors()])
        for number, value in [(number, self.value(number) + np.float32(change)) for number in model.unique()]:
            self.store(number, value)

    @rule(pair=collections, wrong=st.sampled_from(["count", "more", "shape", "dtype", "type"]), data=st.data())
    def assign_what_does_not_fit(self, pair, wrong, data):
        collection, model = pair
        if not model.pairs:
            return
        tensors = [t + 1 for t in collection.tensors()]
        i = data.draw(st.integers(0, len(tensors) - 1), label="position")
        if wrong == "count":
            del tensors[i]
        elif wrong == "more":
            tensors.insert(i, jn.zeros(7))
        else:
            right = tensors[i]
            tensors[i] = {"shape": jn.zeros(7), "dtype": right.astype("float64"), "type": [right.tolist()]}[wrong]
        first_name = next(name for name, number in model.pairs.items() if number == model.unique()[i])
        counted = wrong in ("count", "more")
        message = "Failed to assign a list with" if counted else f"VarCollection.assign to {first_name}: "
        with pytest.raises((ValueError, TypeError), match=f"^{re.escape(message)}"):
            collection.assign(tensors)

    @rule(pair=collections)
    def check_names(self, pair):
        self.check(*pair)

    def check(self, collection, model):
        """Names in order; each variable once, at its first name."""
        assert type(collection) is objax.VarCollection
        assert list(collection.keys()) == list(model.pairs)
        assert len(collection) == len(model.pairs)
        for (_, found), number in zip(collection.items(), model.pairs.values(), strict=True):
            assert found is self.variables[number]
        expected = [self.variables[number] for number in model.unique()]
        assert [id(v) for v in collection] == [id(v) for v in expected]
        for tensor, number in zip(collection.tensors(), model.unique(), strict=True):
            np.testing.assert_array_equal(tensor, self.value(number), strict=True)
        rows = str(collection).splitlines()
        assert [row.split()[0] for row in rows] == [*model.pairs, f"+Total({len(model.pairs)})"]
        assert int(rows[-1].split()[1]) == sum(self.value(number).size for number in model.pairs.values())

    @invariant()
    def values_are_those_of_the_model(self):
        for number, variable in enumerate(self.variables):
            np.testing.assert_array_equal(variable.value, self.value(number), strict=True)


TestCollections = Collections.TestCase
