"""Programs of transforms, assignments and exceptions, against a plain model: numbers in a list and polynomials.

A statement is a tuple of its name and arguments, a body a list of statements and an expression. `Machine` runs programs
with cuobjax; `Model` runs them with exact polynomials: what a transform differentiates becomes a symbol, whose value is
put in afterwards. Lanes are a loop; what an exception leaves is a copy made before.
"""

import contextlib
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import cuobjax as objax
import cuobjax.numpy as jn
from autograd import tree
from autograd.ops.random import split as split_key
from cuobjax.core.scope import innermost
from cuobjax.transforms.functional_call import functional_call
from cuobjax.transforms.gradient import Hessian, Jacobian
from cuobjax.transforms.vectorize import Vectorize

START = [1.0, -0.5, 0.5, 2.0]  # two TrainVars, a StateVar with the mean and one with the sum as reduce
TRAINED = (0, 1)
LIMIT = 1e4


class Stop(Exception):
    """What programs raise and catch."""


class Interrupt(BaseException):
    """The same, but no Exception."""


class TooLarge(Exception):
    """The model's polynomials have too many terms to go on."""


class Polynomial:
    """{monomial: coefficient}, where a monomial is a sorted tuple of symbols, which may repeat."""

    def __init__(self, terms):
        self.terms = {monomial: c for monomial, c in terms.items() if c}
        if len(self.terms) > 60 or any(len(monomial) > 12 for monomial in self.terms):
            raise TooLarge

    def __add__(self, other):
        terms = dict(self.terms)
        for monomial, c in constant(other).terms.items():
            terms[monomial] = terms.get(monomial, 0) + c
        return Polynomial(terms)

    def __mul__(self, other):
        terms = {}
        for (a, x), (b, y) in itertools.product(self.terms.items(), constant(other).terms.items()):
            monomial = tuple(sorted(a + b))
            terms[monomial] = terms.get(monomial, 0) + x * y
        return Polynomial(terms)

    __radd__, __rmul__ = __add__, __mul__

    def derivative(self, symbol):
        terms = {}
        for monomial, c in self.terms.items():
            if symbol in monomial:
                rest = list(monomial)
                rest.remove(symbol)
                terms[tuple(rest)] = terms.get(tuple(rest), 0) + c * monomial.count(symbol)
        return Polynomial(terms)

    def at(self, points):
        """With polynomials in place of symbols."""
        total = constant(0)
        for monomial, c in self.terms.items():
            term = constant(c)
            for symbol in monomial:
                term = term * points.get(symbol, Polynomial({(symbol,): Fraction(1)}))
            total = total + term
        return total


def constant(x):
    return x if isinstance(x, Polynomial) else Polynomial({(): Fraction(x)})


class Interpreter:
    """What both share: expressions and statements."""

    def value(self, expression, x):
        kind, *parts = expression
        if kind == "number":
            return self.number(parts[0])
        if kind == "x":
            return x
        if kind == "variable":
            return self.read(*parts)
        a, b = (self.value(part, x) for part in parts)
        return a + b if kind == "add" else a * b * 0.5

    def run(self, body, x):
        statements, result = body
        for statement in statements:
            self.execute(statement, x)
        return self.value(result, x)

    def execute(self, statement, x):
        kind, *parts = statement
        if kind == "fail":
            raise (Interrupt if parts[0] else Stop)
        if kind == "catch":
            with contextlib.suppress(Stop, Interrupt):
                self.execute(parts[0], x)
        elif kind == "assign":
            self.write(parts[0], self.value(parts[1], x))
        else:
            *arguments, target = parts
            result = getattr(self, kind)(*arguments, x)
            self.write(target, self.read(target) * 0.5 + result * 0.25)


class Machine(Interpreter):
    """cuobjax."""

    def __init__(self):
        array = lambda i: jn.array(START[i], dtype="float64")
        total = lambda x: x.sum(0)
        trained = [objax.TrainVar(array(i)) for i in TRAINED]
        self.variables = [*trained, objax.StateVar(array(2)), objax.StateVar(array(3), reduce=total)]
        self.refs = [objax.TrainRef(v) for v in trained]
        self.key = objax.RandomState(7)
        self.all = objax.VarCollection((str(i), v) for i, v in enumerate([*self.variables, self.key]))

    def number(self, x):
        return jn.array(x, dtype="float64")

    def read(self, i):
        return self.variables[i].value

    def write(self, i, value):
        if i in TRAINED:
            self.variables[i].assign(value)
        else:
            self.variables[i].value = value

    def ref(self, i, expression, x):
        self.refs[i].value = self.value(expression, x)
        return self.refs[i].value

    def draw(self, x):
        return (self.key.split(1)[0, 1] & np.uint32(7)).astype("float64")

    def derive(self, kind, chosen, with_input, body, x):
        """The sum of all derivatives; shared weights have several names."""
        by_nothing = not chosen and not with_input  # which is refused: the gradient by x is dropped
        names = [(f"{i}{alias}", self.variables[i]) for i in chosen for alias in ("", "again")]
        names += [("ref", self.refs[0]), ("state", self.variables[2])]
        f = kind(lambda x: self.run(body, x), names, (0,) if with_input or by_nothing else None)
        found = f(x)
        values = found[1] if kind is objax.GradValues else []
        gradients = found[0] if kind is objax.GradValues else found
        found = [*([] if by_nothing else gradients), *values]
        return sum(tree.flatten(found)[0], start=self.number(0.0))

    def lanes(self, numbers, body, x):
        f = Vectorize(lambda own, x: self.run(body, own * x), batch_axis=(0, None))
        return f(np.array(numbers), x).sum()

    def again(self, body, x):
        return objax.Remat(lambda x: self.run(body, x))(x)

    def functional(self, i, expression, body, x):
        f = objax.Function(lambda x: self.run(body, x), self.all)
        values = {f"{{<lambda>}}{i}": self.value(expression, x)}
        output, changes = functional_call(f, values, x, with_changes=True)
        return output + sum(changes.get(f"{{<lambda>}}{k}", self.number(0.0)) for k in range(len(START)))


class Model(Interpreter):
    """Polynomials."""

    def __init__(self):
        self.values = [constant(x) for x in START]
        self.key = np.array([0, 7], np.uint32)
        self.written, self.drawn = set(), False
        self.symbols = itertools.count()

    number = staticmethod(constant)

    def read(self, i):
        return self.values[i]

    def write(self, i, value):
        self.values[i] = constant(value)
        self.written.add(i)

    def ref(self, i, expression, x):
        self.write(i, self.value(expression, x))
        return self.values[i]

    def draw(self, x):
        self.drawn = True
        self.key, new = split_key(self.key, n=1)
        return constant(int(new[1] & 7))

    def attempt(self, body, x):
        """The result of a body, whose writes are in `written` alone; after an exception all is as before."""
        before = list(self.values), self.key, self.written
        self.written = set()
        try:
            return self.run(body, x), before
        except BaseException:
            self.values, self.key, self.written = before
            raise

    def derive(self, kind, chosen, with_input, body, x):
        points = {}
        symbol = lambda value: (points.setdefault(s := next(self.symbols), value), Polynomial({(s,): Fraction(1)}))[1]
        entered = list(self.values)
        inside = symbol(x) if with_input else x
        trained = list(dict.fromkeys(chosen))
        for i in trained:
            self.values[i] = symbol(self.values[i])
        try:
            y, (_, _, written) = self.attempt(body, inside)
        except BaseException:
            self.values = entered
            raise
        self.values = [v.at(points) if i in self.written else entered[i] for i, v in enumerate(self.values)]
        self.written |= written
        found = [y.derivative(s) for s in points]
        if kind is Hessian:
            found = [g.derivative(s) for g in found for s in points]
        total = sum(found, start=constant(0)) + (y if kind is objax.GradValues else 0)
        return total.at(points)

    def lanes(self, numbers, body, x):
        entered, keys, drawn = list(self.values), split_key(self.key, n=len(numbers)), self.drawn
        outputs, lanes, self.drawn = [], [], False
        before = self.key, self.written
        try:
            for number, key in zip(numbers, keys[1:], strict=True):
                self.values, self.key, self.written = list(entered), key, set()
                outputs.append(self.run(body, x * number))
                lanes.append(self.values)
        except BaseException:
            self.values, (self.key, self.written), self.drawn = entered, before, self.drawn or drawn
            raise
        self.values = entered
        for i in self.written:
            scale = 1 if i == 3 else Fraction(1, len(numbers))
            self.values[i] = sum((lane[i] for lane in lanes), start=constant(0)) * scale
        self.key = keys[0] if self.drawn else before[0]
        self.written, self.drawn = self.written | before[1], self.drawn or drawn
        return sum(outputs, start=constant(0))

    def again(self, body, x):
        y, (_, _, written) = self.attempt(body, x)
        self.written |= written
        return y

    def functional(self, i, expression, body, x):
        entered = list(self.values), self.key, self.written
        self.values[i] = self.value(expression, x)
        self.written = set()
        try:
            y = self.run(body, x)
            return sum((self.values[k] for k in self.written), start=y)
        finally:
            self.values, self.key, self.written = entered


VARIABLES = st.integers(0, 3)
NUMBERS = st.sampled_from([-1.0, 0.5, 1.0, 2.0])
LEAVES = st.one_of(
    st.tuples(st.just("number"), NUMBERS), st.tuples(st.just("x")), st.tuples(st.just("variable"), VARIABLES)
)
EXPRESSIONS = st.one_of(LEAVES, st.tuples(st.sampled_from(["add", "multiply"]), LEAVES, LEAVES))
SIMPLE = st.one_of(
    st.tuples(st.just("assign"), VARIABLES, EXPRESSIONS),
    st.tuples(st.just("ref"), st.sampled_from(TRAINED), EXPRESSIONS, VARIABLES),
    st.tuples(st.just("draw"), VARIABLES),
    st.tuples(st.just("fail"), st.booleans()),
)
CHOSEN = st.lists(st.sampled_from(TRAINED), max_size=2)
KINDS = st.sampled_from([objax.Grad, objax.GradValues, Jacobian, Hessian])


def transforms(statements):
    """Statements that run bodies of others."""
    body = st.tuples(st.lists(statements, max_size=3), EXPRESSIONS)
    one = st.one_of(
        st.tuples(st.just("derive"), KINDS, CHOSEN, st.booleans(), body, VARIABLES),
        st.tuples(st.just("lanes"), st.lists(NUMBERS, min_size=1, max_size=3), body, VARIABLES),
        st.tuples(st.just("again"), body, VARIABLES),
        st.tuples(st.just("functional"), VARIABLES, EXPRESSIONS, body, VARIABLES),
    )
    return one | st.tuples(st.just("catch"), one)


STATEMENTS = st.recursive(SIMPLE, lambda s: transforms(s) | s, max_leaves=8)


class Programs(RuleBasedStateMachine):
    """Both run the same statements one after the other and must hold the same values."""

    def __init__(self):
        super().__init__()
        self.model, self.machine = Model(), Machine()

    @rule(statement=transforms(STATEMENTS) | SIMPLE, x=NUMBERS)
    def run(self, statement, x):
        before = list(self.model.values), self.model.key, set(self.model.written)
        outcomes = []
        for interpreter in (self.model, self.machine):
            try:
                outcomes.append(interpreter.execute(statement, interpreter.number(x)))
            except TooLarge:
                self.model.values, self.model.key, self.model.written = before
                return
            except (Stop, Interrupt) as error:
                outcomes.append(type(error))
        assert outcomes[0] is outcomes[1]

    @invariant()
    def values_agree(self):
        for i, v in enumerate(self.machine.variables):
            assert type(v.stored) is objax.Array
            expected = float(self.model.values[i].terms.get((), 0))
            np.testing.assert_allclose(float(v.stored), expected, rtol=1e-9, atol=1e-9)
            value = expected if abs(expected) < LIMIT else START[i]
            v.assign(jn.array(value, dtype="float64"))
            self.model.values[i] = constant(value)
        assert type(self.machine.key.stored) is objax.Array
        np.testing.assert_array_equal(self.machine.key.stored, self.model.key)
        assert innermost.get() is None


Programs.TestCase.settings = settings(stateful_step_count=20)
unreached = pytest.mark.filterwarnings("ignore:.*depends on none of the variables")
TestPrograms = unreached(pytest.mark.usefixtures("on_the_cpu")(Programs.TestCase))
