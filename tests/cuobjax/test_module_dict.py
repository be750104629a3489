"""`ModuleDict`: modules by name."""

import copy
import pickle
import types

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax import ModuleDict, nn


def heads():
    return ModuleDict(cat=nn.Linear(2, 1), dog=nn.Linear(2, 1))


class Net(objax.Module):
    def __init__(self):
        self.heads = heads()

    def __call__(self, x):
        return sum(head(x) for head in self.heads.values())


def names(module):
    return list(module.vars().keys())


def test_the_items_are_found_trained_and_saved(tmp_path):
    net, other = Net(), Net()
    assert names(net) == [f"(Net).heads(ModuleDict)['{key}'](Linear).{v}" for key in ("cat", "dog") for v in "bw"]
    x = jn.ones((1, 2))
    gradients = objax.Grad(lambda: net(x).sum(), net.vars())()
    objax.optimizer.SGD(net.vars())(0.1, gradients)
    np.testing.assert_allclose(net.heads["dog"].b.value, [-0.1])
    for name in ("a.npz", "a.safetensors"):
        objax.io.save_var_collection(tmp_path / name, net.vars())
        objax.io.load_var_collection(tmp_path / name, other.vars())
        np.testing.assert_array_equal(net(x), other(x))


def test_it_is_a_dictionary_with_attributes():
    table = ModuleDict({"a": jn.tanh}, b=None)
    table.w = objax.TrainVar(jn.ones(2))
    table["c"] = table.setdefault("d", nn.Dropout(0.5))
    assert isinstance(table, dict) and isinstance(table, objax.Module)
    assert (list(table), len(table), table.get("x"), table.pop("b")) == (["a", "b", "d", "c"], 4, None, None)
    assert table.setdefault("a") is jn.tanh
    assert names(table) == ["(ModuleDict).w", *(f"(ModuleDict)['{k}'](Dropout).keygen(Generator)._key" for k in "dc")]
    del table["d"]
    assert table.popitem()[0] == "c"
    table.clear()
    assert names(table) == ["(ModuleDict).w"]
    assert ModuleDict.fromkeys("ab") == {"a": None, "b": None}


def test_sums_and_copies_are_of_the_same_class():
    class Own(ModuleDict):
        def __init__(self, n):
            super().__init__({str(i): nn.Linear(1, 1) for i in range(n)})

    table = heads()
    for joined, count in [
        (table | {"x": jn.tanh}, 3), ({"x": jn.tanh} | table, 3), (table.copy(), 2), (copy.copy(table), 2),
        (table | table, 2),
    ]:  # fmt: skip
        assert (type(joined), len(joined)) == (ModuleDict, count)
        assert joined["cat"] is table["cat"]
    table |= {"y": nn.Linear(1, 1)}
    assert type(table) is ModuleDict and "y" in table
    assert type(Own(2) | Own(3)) is ModuleDict
    with pytest.raises(TypeError, match="unsupported operand"):
        table | [("a", jn.tanh)]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_have_variables_of_their_own(duplicate):
    net = Net()
    net.same = net.heads
    other = duplicate(net)
    assert other.same is other.heads and type(other.heads) is ModuleDict
    assert names(other) == names(net)
    assert not {id(v) for v in net.vars()} & {id(v) for v in other.vars()}


def test_keys_are_strings_and_values_no_classes():
    table = heads()
    before = dict(table)
    for key in (3, None, ("a", "b"), b"a"):
        with pytest.raises(TypeError, match=r"^ModuleDict: expected a string as key, got .*\. Write str\(key\)\.$"):
            table[key] = jn.tanh
        with pytest.raises(TypeError, match="expected a string as key"):
            table.update({"new": jn.tanh, key: jn.tanh})
    with pytest.raises(TypeError, match=r"^ModuleDict\['x'\]: expected an instance, got the class Linear\."):
        table["x"] = nn.Linear
    with pytest.raises(TypeError, match="got the class Linear"):
        ModuleDict(x=nn.Linear)
    assert table == before


def test_a_variable_in_it_is_replaced_by_variables_alone():
    table = ModuleDict(scale=objax.StateVar(jn.ones(())))
    for value in (2.0, [1.0], jn.ones(())):
        with pytest.raises(
            TypeError, match=r"^ModuleDict\['scale'\] holds a variable, .* Write self\['scale'\]\.assign"
        ):
            table["scale"] = value
        with pytest.raises(TypeError, match="holds a variable"):
            table |= {"scale": value}
    table["scale"].assign(2.0)
    table["scale"] = None


def test_modes_replacing_freezing_and_summary_reach_the_items():
    net = Net()
    net.eval()
    assert net.heads["cat"].training is False
    new = objax.TrainVar(jn.ones((2, 1)))
    objax.replace(net, "heads['cat'].w", new)
    objax.replace(net, '(Net).heads(ModuleDict)["dog"](Linear).w', new)
    assert net.heads["cat"].w is net.heads["dog"].w is new
    with pytest.raises(ValueError, match=r"\['cow'\] is not in a ModuleDict with .*\['cat'\], \['dog'\]"):
        objax.replace(net, "heads['cow'].w", new)
    assert len(objax.freeze(net, "*['cat']*.b")) == 1
    rows = objax.summary(net, jn.ones((1, 2)))
    assert [row.name for row in rows] == ["", "heads", "heads['cat']", "heads['dog']"]
    forced = ModuleDict(a=objax.ForceArgs(nn.Dropout(0.5), training=True))
    objax.ForceArgs.undo(forced)
    assert type(forced["a"]) is nn.Dropout


def test_a_jit_notices_changes_of_the_items():
    net = Net()
    f, x = objax.Jit(net), jn.ones((1, 2))
    f(x)
    for change in (
        lambda: net.heads.update(cat=nn.Linear(2, 1)), lambda: net.heads.pop("dog"),
        lambda: net.heads.setdefault("cow", nn.Linear(2, 1)),
    ):  # fmt: skip
        change()
        np.testing.assert_allclose(f(x), net(x), rtol=1e-6)


def test_the_text_of_a_dictionary():
    table = ModuleDict(a=nn.Dropout(0.5), b=jn.tanh, c=ModuleDict())
    assert repr(table) == (
        "cuobjax.ModuleDict(\n  ['a'] cuobjax.nn.Dropout(keep=0.5)\n  ['b'] tanh\n  ['c'] cuobjax.ModuleDict(\n\n  )\n)"
    )


def test_it_is_the_remedy_for_a_dictionary_of_layers():
    net = Net()
    net.plain = types.MappingProxyType(dict(heads()))
    with pytest.warns(
        UserWarning, match=r"^Net\.plain is a mappingproxy that holds Linear\. .* Write cuobjax\.ModuleD"
    ):
        net.vars()
    net.plain = ModuleDict(net.plain)
    assert len(names(net)) == 8
