"""Mistakes with gradients, optimizers, programs, lanes, threads: (what is written, class of the error, part of it)."""

LOST = "Write the computation with functions of autograd.numpy (cuobjax.numpy)"
CONCRETE = "compute with where(condition, x, y) in place of `if`, or do this outside of Jit"
SCALAR = "expected a function whose output is a real scalar"

GRADIENTS = [
    ("Grad(loss)", ValueError, "For the derivative with respect to the first argument write input_argnums=(0,)"),
    ("Grad(loss, net)", TypeError, "Pass net.vars()"),
    ("Grad(loss, net.vars)", TypeError, "Pass net.vars()"),
    ("Grad(loss(x), net.vars())", TypeError, "Grad: expected a function, got Array. Pass the function itself"),
    ("Grad(net, net.vars())(x)", TypeError, "Add .mean() or .sum()"),
    ("Grad(lambda x: x.sum(), net.vars())(x)", UserWarning, "the output depends on none of the variables"),
    ("Grad(lambda x: (net(x) > 0).sum(), net.vars())(x)", TypeError, SCALAR),
    ('Grad(lambda x: {"loss": net(x).sum()}, net.vars())(x)', TypeError, f"{SCALAR}, got an output of dict"),
    ("Grad(lambda x: float(net(x).sum()), net.vars())(x)", TypeError, LOST),
    ("Grad(lambda x: net(x).sum().item(), net.vars())(x)", TypeError, LOST),
    ("Grad(lambda x: np.asarray(net(x)).sum(), net.vars())(x)", TypeError, LOST),
    ("Grad(lambda x: math.log(net(x).sum()), net.vars())(x)", TypeError, LOST),
    ("Grad(lambda x: net(x).sum().raw, net.vars())(x)", TypeError, "autograd.stop_gradient(x).raw"),
    ("Grad(loss, net.vars(), 0)", TypeError, "expected distinct input_argnums in a tuple, got 0"),
    ("Grad(loss, argnums=0)", TypeError, "Write input_argnums=(0,)"),
    ("Grad(loss, net.vars(), (1,))(x)", TypeError, "expected a positional argument 1 to differentiate"),
    ("Grad(lambda n: n.sum(), None, (0,))(n)", TypeError, "Convert integers, or leave the argument out"),
    ("loss(x).backward()", AttributeError, "Derivatives come from functions"),
    ("cuobjax.Hessian(net, net.vars())(x)", TypeError, "Add .mean() or .sum()"),
    ("cuobjax.grad(loss)", AttributeError, "Write cuobjax.Grad(loss, net.vars())"),
    ("cuobjax.value_and_grad(loss)", AttributeError, "Write cuobjax.GradValues(loss, net.vars())"),
    ("with cuobjax.no_grad(): pass", AttributeError, "stop_gradient(x) stops one"),
]

OPTIMIZERS = [
    ("opt(0.1, GradValues(loss, net.vars())(x))", TypeError, "write g, v = gradients(x), then pass g"),
    ("opt(gradients(x))", TypeError, "The learning rate comes first: opt(lr, gradients)"),
    ("opt(gradients(x), 0.1)", TypeError, "The rate comes first, then grads"),
    ("opt()", TypeError, "The learning rate comes first"),
    ("opt(0.1, gradients)", TypeError, "Pass what Grad returned"),
    ("opt(0.1, gradients(x)[0])", TypeError, "expected a list of gradients, got one array"),
    ("opt(0.1, loss(x))", TypeError, "expected a list of gradients, got one array"),
    ("opt(0.1, net.vars())", TypeError, "Pass what Grad returned"),
    ("opt(0.1, [None, None])", TypeError, "expected gradient 0 as an array, got NoneType"),
    ('opt(0.1, {"w": x})', ValueError, "expected gradients of its own variables, got one for 'w'"),
    ("opt(0.1, gradients(x)[::-1])", ValueError, "It is that of (Linear).b"),
    ("opt(0.1, gradients(x)[:1])", ValueError, "expected as many gradients as trainable variables, got 1 for 2"),
    ('opt("0.1", gradients(x))', TypeError, "learning rate: expected a number, got str"),
    ("opt(jn.array([0.1, 0.2]), gradients(x))", ValueError, "learning rate: expected a number, got shape (2,)"),
    ("opt(lr=0.1, grads=gradients(x), momentum=0.9)", TypeError, "Write opt(lr, gradients)"),
    ("optimizer.SGD(net)", TypeError, "Pass net.vars()"),
    ("optimizer.SGD(net.vars(), lr=0.1)", TypeError, "The learning rate comes with each call"),
    ("optimizer.SGD(net.vars(), momentum=0.9)", TypeError, "'momentum'. Take Momentum."),
    ("optimizer.ExponentialMovingAverage(net.vars(), decay=0.9)", TypeError, "'decay'. Write momentum."),
    ("optimizer.ExponentialMovingAverageModule()", TypeError, "Write ExponentialMovingAverageModule(net)."),
    ("cuobjax.distributed.broadcast_variables(net)", TypeError, "got cuobjax.nn.Linear. Write net.vars()."),
    ("optimizer.SGD()", TypeError, "Pass the variables: net.vars()"),
    ("optimizer.SGD(net.vars().tensors())", TypeError, "Pass net.vars()"),
    ("optimizer.SGD([])", ValueError, "SGD: expected TrainVars, got no variables"),
    ("optimizer.Adamax(net.vars())", AttributeError, "Derive yours from cuobjax.optimizer.Optimizer"),
    ("optimizer.clip_grad_norm_(g, 1.0)", AttributeError, "clip_by_global_norm(gradients, max_norm)"),
    ("optimizer.multi_transform", AttributeError, "Groups(net.vars(), [(pattern, Adam), ...])"),
    ("optimizer.MultiSteps", AttributeError, "Write Accumulator(vc)"),
    ("optimizer.lr_scheduler", AttributeError, "opt(schedule(step), gradients), with one of optimizer.scheduler"),
    ("opt.step()", AttributeError, "Write opt(lr, gradients)"),
    (
        "optimizer.Adam(net.vars()).step()",
        TypeError,
        "step: is the number of steps so far, not a method. Write opt(lr, g",
    ),
    ("optimizer.Adam(net.vars()).update(gradients(x))", TypeError, "Adam: missing 7 required positional arguments"),
    ("optimizer.Adam(net.vars(), betas=(0.9, 0.99))", TypeError, "Write beta1 and beta2"),
    ("optimizer.Adam(net.vars(), weight_decay=0.1)", TypeError, "Take AdamW, whose weight decay is decoupled"),
    ("optimizer.SGD(net.vars(), dampening=0.1)", TypeError, "There is none: derive an optimizer of your own"),
    ("optimizer.AdamW(net.vars(), fused=True)", TypeError, "Leave it out: all variables are updated at once"),
    ("optimizer.scheduler.Constant(-1)", ValueError, "Constant: expected base_lr of at least 0, got -1"),
    ("opt.learning_rate", AttributeError, "The learning rate comes with each call"),
    ("opt.add_param_group({})", AttributeError, "Make one optimizer of all variables"),
    ("opt.state", AttributeError, "print(opt.vars()) the states"),
    ("opt.zero_grad()", AttributeError, "leave it out"),
    ('opt.param_groups[0]["lr"] = 0.1', AttributeError, "The learning rate comes with each call"),
    ("opt.state_dict()", AttributeError, 'save_var_collection("opt.npz", opt.vars())'),
    ("cuobjax.optim", AttributeError, "Write cuobjax.optimizer"),
    ("cuobjax.amp.autocast()", AttributeError, "Write cuobjax.precision.mixed(net)"),
    ("cuobjax.precision.autocast()", AttributeError, "Write cuobjax.precision.mixed(net)"),
]

PROGRAMS = [
    ("Jit(lambda x: x if x.sum() > 0 else -x)(x)", TypeError, CONCRETE),
    (
        "Jit(lambda x: float(x.sum()))(x)",
        TypeError,
        "float() needs the value of an array that depends on argument 0 (x)",
    ),
    ("Jit(lambda x: x.sum().item())(x)", TypeError, "item() needs the value"),
    ("Jit(lambda x: np.asarray(x))(x)", TypeError, "conversion to a NumPy array needs the value"),
    ("Jit(lambda x: math.sin(x.sum()))(x)", TypeError, "float() needs the value"),
    ('Jit(lambda x: f"{x.sum():.3f}")(x)', TypeError, "format() needs the value"),
    ("Jit(lambda x: x[x > 0])(x)", TypeError, "the shape of the result of getitem needs the value"),
    ("Jit(lambda x, n: jn.zeros(n))(x, 3)", TypeError, "Name its position in static_argnums"),
    ("Jit(lambda x, n: [x for _ in range(n)])(x, 3)", TypeError, "Name its position in static_argnums"),
    ("Jit(lambda x, i: [1, 2, 3][i])(x, jn.array(1))", TypeError, "depends on argument 1 (i)"),
    (
        """
        @Jit
        def f(x):
            while x.sum() < 10:
                x = x * 2
            return x
        f(x)
        """,
        TypeError,
        CONCRETE,
    ),
    (
        """
        saved = []
        Jit(lambda x: saved.append(x * 2))(x)
        saved[0] + 1
        """,
        RuntimeError,
        "A function under Jit returns its results or assigns them to variables",
    ),
    ('Jit(lambda x, k: x, static_argnums=1)(x, {"a": 1})', ValueError, "Pass a tuple in place of a list"),
    ('Jit(lambda x, k: x, static_argnames="k")', TypeError, "Give positions: static_argnums"),
    ("@Jit(static_argnums=1)\ndef f(x, n): pass", TypeError, "@functools.partial(cuobjax.Jit, static_argnums=1)"),
    ("Jit(lambda x: (y for y in x))(x)", TypeError, "Return the arrays in a tuple, list, dictionary or dataclass"),
    ("Jit(loss, net)", TypeError, "Pass net.vars()"),
    ("Jit(loss(x))", TypeError, "expected a function or module, got Array"),
    ("cuobjax.jit(loss)", AttributeError, "Write cuobjax.Jit(f)"),
    ("cuobjax.lax.scan", AttributeError, "Write autograd.scan"),
]

LANES = [
    ("Vectorize(net, batch_axis=0)", TypeError, "Vectorize: expected batch_axis as a tuple, got 0"),
    ("Vectorize(net, in_axes=0)", TypeError, "Write batch_axis=(0, None)"),
    ("Vectorize(lambda x, y: x + y)(x, x)", ValueError, "Give the axis of each, None for one that all lanes share"),
    ("Vectorize(lambda x: x)(3.0)", TypeError, "Pass the axis None if all lanes share it"),
    ("Vectorize(lambda x: x if x.sum() > 0 else -x)(x)", TypeError, "Use where, cond or while_loop for a decision"),
    ("Vectorize(lambda x: x[x > 0])(x)", TypeError, "Use where(mask, x, y)"),
    ("vmap(lambda x, y: x + y)(jn.ones(2), jn.ones(3))", ValueError, "mapped axes of one length, got lengths [2, 3]"),
    ("vmap(lambda x: x, (0, 0))(x)", TypeError, "vmap: expected in_axes for 1 arguments"),
    ("vmap(lambda x: s.assign(x))(x)", TypeError, "or assign stop_gradient(x)"),
    ("vmap(loss(x))", TypeError, "vmap: expected a function, got Array"),
    ("cuobjax.vmap(loss)", AttributeError, "Write cuobjax.Vectorize(f)"),
    ("cuobjax.pmap(loss)", AttributeError, "Write cuobjax.Parallel(f)"),
    ("Parallel(loss, devices=2)", TypeError, "It takes all: CUDA_VISIBLE_DEVICES says which GPUs a program sees"),
    ("@Parallel(reduce=jn.mean)\ndef f(x): pass", TypeError, "@functools.partial(cuobjax.Parallel, reduce=f)"),
    ("F.parallel.pmean(x)", NameError, "Call this in a function under cuobjax.Parallel"),
]

FUNCTIONS = [
    (
        "import scipy.special\ngrad(lambda x: scipy.special.gammaln(x).sum())(np.ones(2))",
        TypeError,
        "gammaln: cannot take an Array (__call__). Use a function of autograd.numpy or autograd.scipy.special",
    ),
    ("grad(lambda x: x)(anp.ones(3))", TypeError, "Add .mean() or .sum()"),
    ("grad(lambda x: x**2)(3)", TypeError, "Convert integers, or leave the argument out"),
    (
        "autograd.value_and_grad(lambda x: (x, 2 * x))(1.0)",
        TypeError,
        "got an output of tuple. Where other outputs follow",
    ),
    (
        "cuobjax.make_graph(net, x)",
        TypeError,
        "make_graph: expected static_argnums as positions, got an array. Arguments",
    ),
    ("grad(lambda x: None)(1.0)", TypeError, f"{SCALAR}, got an output of NoneType"),
    ("grad(lambda x: math.sin(x))(1.0)", TypeError, LOST),
    ("grad(lambda x: np.array(x).sum())(anp.ones(3))", TypeError, LOST),
    ("grad(lambda x: np.array([x, x]).sum())(1.0)", TypeError, LOST),
    ("grad(lambda x: [1.0, 2.0][x])(1.0)", TypeError, "index()"),
    (
        """
        def f(x):
            x[0] = 1.0
            return anp.sum(x)
        grad(f)(anp.ones(3))
        """,
        TypeError,
        "Write x = x.at[index].set(value)",
    ),
    (
        """
        def f(x):
            y = np.zeros(3)
            for i in range(3):
                y[i] = x[i] ** 2
            return anp.sum(y)
        grad(f)(np.ones(3))
        """,
        ValueError,
        LOST,
    ),
    ("grad(lambda x: anp.sum(np.add(x, 1, out=np.ones(3))))(anp.ones(3))", TypeError, "Bind the result to a name"),
    ("grad(lambda x: x, 1)(1.0)", TypeError, "expected a positional argument 1 to differentiate, got 1 of them"),
    ("grad(lambda x, y: x * y)(x=1.0, y=2.0)", TypeError, "expected a positional argument 0 to differentiate"),
    ("grad(3.0)", TypeError, "grad: expected a function, got float"),
    ("grad(lambda x: x, has_aux=True)(1.0)", TypeError, "expected a function that returns (output, aux)"),
    ("grad(lambda x: x * 1j)(1.0)", TypeError, "Take its real part, or pass holomorphic=True"),
    (
        """
        saved = []
        grad(lambda x: saved.append(x * 2) or x**2)(1.0)
        saved[0] + 1
        """,
        TypeError,
        "store stop_gradient(x) to look at a value later",
    ),
    ("grad(grad(lambda x: anp.sum(x**2)))(anp.ones(3))", TypeError, "Add .mean() or .sum()"),
    ("vjp(lambda x: x**2, anp.ones(3))[1](1.0)", TypeError, "expected cotangents in the structure and shapes"),
    ("autograd.jvp(lambda x: x, anp.ones(3), anp.ones(4))", TypeError, "expected a tangent of shape (3,)"),
    ("grad(custom_vjp(lambda x: x**2))(1.0)", TypeError, "Define it: <lambda>.defvjp(fwd, bwd)"),
    (
        """
        f = custom_vjp(lambda x: x**2)
        f.defvjp(lambda x: x**2, lambda r, g: (g,))
        grad(f)(1.0)
        """,
        TypeError,
        "expected fwd to return (output, residuals)",
    ),
    (
        """
        f = custom_vjp(lambda x: x**2)
        f.defvjp(lambda x: (x**2, x), lambda r, g: g)
        grad(f)(1.0)
        """,
        TypeError,
        "expected bwd to return a tuple of 1 cotangents",
    ),
    ("autograd.scan(lambda c, x: c, 0.0, anp.ones(3))", TypeError, "expected a function that returns (carry, y)"),
    ("autograd.cond(anp.ones(3) > 0, lambda: 1, lambda: 2)", ValueError, "Use a.any() or a.all()"),
]

THREADS = [
    (
        """
        def f(x):
            out = []
            thread = threading.Thread(target=lambda: out.append(net(x).sum()))
            thread.start()
            thread.join()
            return out[0]
        Grad(f, net.vars())(x)
        """,
        RuntimeError,
        "Run each task in a copy of the context",
    ),
    (
        """
        out = []
        def f(x):
            thread = threading.Thread(target=lambda: out.append(net(x).sum()))
            thread.start()
            thread.join()
            return out[0]
        Jit(f)(x)
        """,
        RuntimeError,
        "pool.submit(contextvars.copy_context().run, f, x)",
    ),
]

ROWS = {
    "gradients": GRADIENTS, "optimizers": OPTIMIZERS, "programs": PROGRAMS, "lanes": LANES, "functions": FUNCTIONS,
    "threads": THREADS,
}  # fmt: skip
