"""Mistakes with layers, modules, variables, modes, files: (what is written, class of the error, part of it)."""

import cuobjax

LAYERS = [
    ("nn.Linear(3)", TypeError, "missing 1 required positional argument: 'nout'. Write Linear(nin, nout)"),
    ("nn.Linear(3, 2, bias=False)", TypeError, "Write use_bias=False"),
    ("nn.Linear(in_features=3, out_features=2)", TypeError, "Write Linear(nin, nout)"),
    ("nn.Linear(3.0, 2)", TypeError, "Linear: expected nin as an integer, got 3.0"),
    ("nn.Conv2D(3, 8, kernel_size=3)", TypeError, "Write Conv2D(nin, nout, k)"),
    ("nn.Conv2D(3, 8, 3, stride=2)", TypeError, "Write strides"),
    ("nn.Conv2D(3, 8, 3, groups=2)", ValueError, "expected groups that divide nin and nout"),
    ("nn.Dropout(p=0.5)", TypeError, "Write Dropout(keep), with the probability to keep"),
    ("nn.Dropout(50)", ValueError, "expected a probability to keep above 0 and at most 1, got 50"),
    ("nn.BatchNorm2D(num_features=3)", TypeError, "Write BatchNorm2D(nin), for instance"),
    ("nn.Sequential(net, jn.tanh)", TypeError, "Write Sequential([a, b])"),
    ("nn.Sequential([nn.Linear, jn.tanh])", TypeError, "Make one: Linear(...)"),
    ("nn.Sequential([net, jn.tanh(x)])(x)", TypeError, "Sequential[1]: expected a layer, got Array. Pass the function"),
    ('nn.Sequential({"a": net})', TypeError, "or take a ModuleDict"),
    ("ModuleList(net, net)", TypeError, "Write ModuleList([a, b])"),
    ("ModuleList([net])(x)", NotImplementedError, "ModuleList: has no __call__"),
    ("nn.LSTM(3, 2, num_layers=2)", TypeError, "LSTM: got an unexpected keyword argument 'num_layers'. Write layers."),
    ("nn.LSTM(input_size=3, hidden_size=2)", TypeError, "and of features of the state: LSTM(nin, nout)"),
    (
        "nn.GRU(3, 2, batch_first=True)",
        TypeError,
        "GRU: got an unexpected keyword argument 'batch_first'. Leave it out",
    ),
    ("nn.GRU(3.5, 2)", TypeError, "GRU: expected nin as an integer, got 3.5"),
    (
        "nn.RNN(3, 2, nonlinearity='relu')",
        TypeError,
        "RNN: got an unexpected keyword argument 'nonlinearity'. Write act",
    ),
    ("nn.RNN(3, 2, activation='sin')", ValueError, "RNN: expected activation 'tanh' or 'relu', got 'sin'"),
    ("nn.LSTMCell(3, 2, bias=False)", TypeError, "LSTMCell: got an unexpected keyword argument 'bias'. Write use_bias"),
    ("nn.TransformerBlock(8, 2, dim_feedforward=3)", TypeError, "TransformerBlock: got an unexpected keyword argument"),
    ("nn.MultiHeadAttention(8, 2, dropout=0.1)", TypeError, "Write keep, the probability that a weight is kept"),
    ('nn.Linear(3, 2, device="cuda")', TypeError, "Write with cuobjax.device("),
    ('nn.Linear(3, 2, dtype="float64")', TypeError, 'Write cuobjax.set_default_dtype("float64")'),
    ("nn.Sequential([nn.LSTM(3, 4), nn.Linear(4, 2)])(jn.ones((2, 5, 3)))", TypeError, "LSTM before it returned a tup"),
    ("nn.Sequential([nn.GRU(3, 4), nn.GRU(4, 2)])(jn.ones((2, 5, 3)))", ValueError, "lambda y, *rest: y"),
    (
        "net(None)",
        TypeError,
        "Linear: expected an array of numbers, got None. What should have made it returns nothing",
    ),
    ("net([[1.0, 2.0, 3.0], [1.0]])", ValueError, "Linear: array: expected nested lists of equal lengths"),
    (
        "nn.MultiHeadAttention(4, 2)(x[None])",
        ValueError,
        "MultiHeadAttention: expected x of shape (N, T, 4), got (1, 2, 3)",
    ),
    (
        "nn.MultiHeadAttention(3, 1)(x[None], x)",
        ValueError,
        "expected context of shape (1, S, 3) with S > 0, got (2, 3)",
    ),
    (
        "nn.MultiHeadAttention(3, 1)(x[None] * 1j)",
        TypeError,
        "MultiHeadAttention: expected real numbers, got dtype comp",
    ),
    (
        "nn.TransformerBlock(4, 2)(x[None])",
        ValueError,
        "TransformerBlock: expected x of shape (N, T, 4) with T > 0, got",
    ),
    (
        "nn.TransformerBlock(3, 1)(x[None] * 1j)",
        TypeError,
        "TransformerBlock: expected real numbers, got dtype complex64",
    ),
    ('nn.Linear(3, 2, w_init="xavier")', TypeError, "Linear: expected w_init as a function of a shape, got 'xavier'"),
    ("nn.Conv2D(3, 2, 3, w_init=jn.ones((3, 3, 3, 2)))", TypeError, "got an array of shape (3, 3, 3, 2). Write lambda"),
    ('nn.MLP([3, 4, 2], "relu")', TypeError, "MLP: expected activation as a function, got 'relu'. Write cuobjax"),
    ('nn.TransformerBlock(4, 2, activation="gelu")', TypeError, "TransformerBlock: expected activation as a function"),
    ("nn.Sequential([net, None])(x)", TypeError, "Sequential[1]: expected a layer, got NoneType. Pass the function"),
    ("nn.Dropout(0.5)(x, 0.9)", TypeError, "Dropout: expected training as True or False, got 0.9"),
    ("F.max_pool(x[None], (2, 2))", ValueError, "max_pool: expected size as a number or 1 of them, got (2, 2)"),
    ("F.max_pool(x[None], 2.5)", TypeError, "max_pool: expected size of integers, got 2.5"),
    ("F.average_pool(x[None], 2, 0)", ValueError, "average_pool: expected strides of at least 1, got 0"),
    ("F.max_pool(x[None] * 1j, 2)", TypeError, "max_pool: expected real numbers, got dtype complex64"),
    ("F.adaptive_max_pool(x[None] * 1j, 2)", TypeError, "adaptive_max_pool: expected real numbers, got dtype"),
    ("F.global_max_pool(x[None] * 1j)", TypeError, "global_max_pool: expected real numbers, got dtype complex64"),
    ('F.conv(x[None], jn.ones((1, 2, 4)), strides="a")', TypeError, "conv: expected strides of integers, got 'a'"),
    ("F.softmax(x * 1j)", TypeError, "softmax: expected real numbers, got dtype complex64"),
    ("F.softmax(x[:, :0])", ValueError, "softmax: expected elements along axis -1, got x of shape (2, 0)"),
    ("F.log_softmax(x[:, :0], (0, 1))", ValueError, "log_softmax: expected elements along axis (0, 1), got x of shape"),
    ("F.flatten(1.0)", ValueError, "flatten: expected x of shape (N, ...), got ()"),
    ("F.cosine_similarity(x, x[:, :2])", ValueError, "cosine_similarity: expected x and y whose shapes broadcast"),
    ("F.cosine_similarity(x * 1j, x)", TypeError, "cosine_similarity: expected real numbers, got dtype complex64"),
    ("F.layer_norm(x, eps=-1)", ValueError, "layer_norm: expected eps of at least 0, got -1"),
    (
        "F.layer_norm(x, (3,))",
        TypeError,
        "layer_norm: expected gamma as an array, got the tuple (3,). layer_norm needs no shape: axis says what is",
    ),
    ('F.rms_norm(x, eps="a")', TypeError, "rms_norm: expected a number as eps, got 'a'"),
    ("F.group_norm(x, 1.5)", TypeError, "group_norm: expected groups as an integer, got 1.5"),
    ("F.relu(x, inplace=True)", TypeError, "Leave inplace out"),
    ("nn.ReLU()", AttributeError, "cuobjax.functional.relu, sigmoid and so on"),
    ("nn.relu(x)", AttributeError, "Write cuobjax.functional.relu"),
    ("nn.Conv2d(3, 8, 3)", AttributeError, "Write cuobjax.nn.Conv1D, Conv2D or Conv3D"),
    ("nn.MaxPool2d(2)", AttributeError, "Write functools.partial(cuobjax.functional.max_pool, size=2)"),
    ("nn.Flatten()", AttributeError, "Write cuobjax.functional.flatten"),
    ("nn.CrossEntropyLoss()", AttributeError, "cross_entropy_logits_sparse(logits, labels).mean()"),
    ("nn.MSELoss()", AttributeError, "mean_squared_error(x, y).mean()"),
    ("nn.Parameter(x)", AttributeError, "Write cuobjax.TrainVar(x)"),
    ("class Net(nn.Module): pass", AttributeError, "Write cuobjax.Module"),
    ("nn.InstanceNorm2d(3)", AttributeError, "Write cuobjax.nn.InstanceNorm2D(nin)"),
    ("F.mse_loss(x, x)", AttributeError, "mean_squared_error(x, y).mean()"),
    ("F.cross_entropy(x, n)", AttributeError, "cross_entropy_logits_sparse(logits, labels).mean()"),
    ("F.hardtanh(x)", AttributeError, "Write cuobjax.functional.hard_tanh"),
    ("F.scaled_dot_product_attention(x, x, x)", AttributeError, "Write cuobjax.functional.attention(q, k, v)"),
    ("F.conv1d(x, x)", AttributeError, "Write cuobjax.functional.conv(x, w)"),
    ("F.gumbel_softmax(x)", AttributeError, "cuobjax.random.gumbel(logits.shape)"),
    ("F.loss.softmax_cross_entropy_with_integer_labels(x, n)", AttributeError, "cross_entropy_logits_sparse"),
    ("F.Linear(3, 2)", AttributeError, "Layers are in cuobjax.nn"),
    ("F.relu_(x)", AttributeError, "Arrays never change: write the name without _"),
    ("nn.Transformer(512)", AttributeError, "cuobjax.nn.TransformerBlock(nin, heads) for _ in range(layers)"),
    ("nn.TripletMarginLoss()", AttributeError, "cuobjax.functional.loss.huber, smooth_l1, triplet"),
    ("nn.ReflectionPad2d(1)", AttributeError, "cuobjax.functional.pad, pad_width="),
    ("nn.Dropout2d(0.1)", AttributeError, "of whole channels, with dropout = cuobjax.nn.Dropout(keep)"),
    ("nn.LazyLinear(3)", AttributeError, "Layers need the numbers of their inputs"),
    ("nn.init.kaiming_uniform_(net.w)", AttributeError, "Pass the function: cuobjax.nn.Linear(nin, nout, w_init="),
    ("optimizer.adamw(0.1)", AttributeError, "Write the class: cuobjax.optimizer.Adam(net.vars())"),
    ("optimizer.scheduler.StepLR(opt, 3)", AttributeError, "Write cuobjax.optimizer.scheduler.StepDecay"),
    ("optimizer.scheduler.ReduceLROnPlateau(opt)", AttributeError, "Multiply the rate in the loop"),
    ("optimizer.chain()", AttributeError, "functions of gradients are called before the optimizer"),
]

MODULES = [
    (
        """
        class Net(Module):
            def __init__(self):
                self.layers = [nn.Linear(3, 2)]
        Net().vars()
        """,
        UserWarning,
        "Write cuobjax.ModuleList(...)",
    ),
    (
        """
        class Net(Module):
            def __init__(self):
                self.layers = {"a": nn.Linear(3, 2)}
        Net().vars()
        """,
        UserWarning,
        "Write cuobjax.ModuleDict(...)",
    ),
    (
        """
        class Net(Module):
            def __init__(self):
                self.layer = nn.Linear
        Net().vars()
        """,
        TypeError,
        "Net.layer: expected an instance, got the class Linear. Make one",
    ),
    (
        """
        class Net(Module):
            layer = nn.Linear(3, 2)
        Net().vars()
        """,
        UserWarning,
        "Set it in __init__: self.layer = ...",
    ),
    (
        """
        class Net(Module):
            def forward(self, x):
                return x
        Net()(x)
        """,
        NotImplementedError,
        "Call forward, or name it __call__",
    ),
    (
        """
        class Net(Module):
            def __init__(self):
                self.w = jn.ones(3)
        Grad(loss, Net().vars())
        """,
        ValueError,
        "print(net.vars()) shows what vars() finds",
    ),
    (
        """
        class Net(Module):
            def __init__(self):
                self.layer = nn.Linear(3, 2)
            def __call__(self, x):
                self.layer(x)
        Grad(Net(), Net().vars())(x)
        """,
        TypeError,
        "got an output of NoneType",
    ),
    ("net.w = jn.zeros((3, 2))", TypeError, "Write self.w.assign(x)"),
    ("net.parameters()", AttributeError, "Write net.vars()"),
    ("net.state_dict()", AttributeError, 'Write cuobjax.io.save_var_collection("net.npz", net.vars())'),
    ("net.load_state_dict({})", AttributeError, "Write cuobjax.io.load_state_dict(net, state)"),
    ("net.forward(x)", AttributeError, "Write net(x)"),
    ("net.cuda()", AttributeError, 'Write with cuobjax.device("gpu")'),
    ('net.to("cuda")', AttributeError, 'Write with cuobjax.device("gpu")'),
    ("net.half()", AttributeError, "Write cuobjax.set_default_dtype"),
    ("net.bfloat16()", AttributeError, "or cuobjax.precision.mixed(net), which keeps the variables in float32"),
    ("net.zero_grad()", AttributeError, "Modules hold no gradients"),
    ("net.requires_grad_(False)", AttributeError, "Write cuobjax.freeze(net)"),
    ("net.weight", AttributeError, "Linear and Conv2D have w and b"),
    ("net.children()", AttributeError, "print(net) shows the modules in it"),
    ('net.register_buffer("a", x)', AttributeError, "self.mean = cuobjax.StateVar(x)"),
    ("net.init(0, x)", AttributeError, "A module has its variables"),
    ("net.summary()", AttributeError, "Write print(cuobjax.summary(net, x))"),
    ("net.fit(x, x)", AttributeError, "each step is opt(lr, gradients(x, y))"),
    ('net.vars()["w"]', KeyError, "Names: (Linear).b, (Linear).w"),
    ("cuobjax.VarCollection([v])", TypeError, "Pass net.vars()"),
    ("net.vars() + nn.Linear(3, 2).vars()", ValueError, "a.vars('a') + b.vars('b')"),
    ("cuobjax.summary(net, jn.ones((2, 4)))", ValueError, "Linear: expected x of shape (..., 3)"),
    ("cuobjax.Linear(3, 2)", AttributeError, "Write cuobjax.nn.Linear"),
    ('cuobjax.ModuleDict({"a": nn.Linear})', TypeError, "ModuleDict['a']: expected an instance"),
]

VARIABLES = [
    ("TrainVar([1.0, 2.0])", TypeError, "Convert it with cuobjax.numpy.array(x)"),
    ("TrainVar(3.0)", TypeError, "TrainVar: expected an array, got float"),
    ('TrainVar(jn.ones(3), "w")', TypeError, "expected reduce as a function or None, got 'w'"),
    ("v.value = jn.zeros(3)", ValueError, "write v.assign(x)"),
    ("v.value += 1", ValueError, "use TrainRef to update a TrainVar"),
    ("v -= 0.1 * x[0]", TypeError, "Write v.assign(v.value - x)"),
    ("s *= 2", TypeError, "Write v.assign(v.value * x)"),
    ("v.assign(0.0)", TypeError, "Convert it with cuobjax.numpy.array(x, 'float32')"),
    ("v.assign(jn.zeros(4))", ValueError, "For another one, make a new variable"),
    ("v.assign(n)", TypeError, "Convert: x.astype('float32')"),
    ("if v: pass", TypeError, "for its truth use `bool(v.value)`"),
    ("v[0] = 1", TypeError, "Write x = x.at[index].set(value)"),
    ("v in [s, v]", ValueError, "Use a.any() or a.all()"),
    ("v.assign_add(1)", AttributeError, "Write v.assign(v.value + x)"),
    ("v.data", AttributeError, "Write v.value to read, v.assign(x) to write"),
    ("v.data = jn.zeros(3)", AttributeError, "v.assign(x) to write"),
    ("v.requires_grad = False", AttributeError, "Write cuobjax.freeze(net, pattern)"),
    ("v.requires_grad_(False)", AttributeError, "Write cuobjax.freeze(net, pattern)"),
    ("v.trainable = False", AttributeError, "Write cuobjax.freeze(net, pattern)"),
    ("v.grad", AttributeError, "cuobjax.Grad(f, net.vars())"),
    ("v.numpy()", AttributeError, "Write numpy.asarray(x)"),
    ("TrainRef(s)", TypeError, "expected a TrainVar, got StateVar"),
    ("cuobjax.Variable(x)", AttributeError, "Write cuobjax.TrainVar(x)"),
]

MODES = [
    ("nn.Dropout(0.5)(x)", TypeError, "Give it, or call train() or eval() of the network first"),
    ("nn.Sequential([net, nn.BatchNorm0D(2)])(x)", TypeError, "Give it, or call train() or eval()"),
    ("with net.eval(): pass", AttributeError, "write `with net.mode(training=False):`"),
    ("net.train(x)", TypeError, "training mode: expected True or False"),
    ("net.mode(train=False)", TypeError, "unexpected keyword argument 'train'"),
]

RANDOM = [
    ("random.rand(3)", AttributeError, "Write cuobjax.random.normal((2, 3)) or uniform((2, 3))"),
    ("random.PRNGKey(0)", AttributeError, "generator=cuobjax.random.Generator(seed)"),
    ("random.split(0)", AttributeError, "Generators have the keys"),
    ("random.manual_seed(0)", AttributeError, "Write cuobjax.random.seed(n)"),
    ("cuobjax.manual_seed(0)", AttributeError, "Write cuobjax.random.seed(n)"),
    ("random.normal((2,), generator=0)", TypeError, "expected a Generator, got int. Make one of a seed"),
    ("random.normal((2,), generator=np.random.default_rng(0))", TypeError, "expected a Generator"),
    ("random.Generator(3).normal((2,))", AttributeError, "Functions draw: cuobjax.random.normal((2, 3), generator=g)"),
    ("random.normal((2,), stddev=-1)", ValueError, "normal: expected stddev of at least 0, got -1"),
    ('random.uniform((2,), dtype="int32")', TypeError, "Draw float32 and cast"),
    ("random.choice(5, 10, replace=False)", ValueError, "expected at least 10 parts to choose from, got 5"),
    ("random.randint((3,), 5, 2)", ValueError, "low < high"),
]

FILES = [
    ('io.save_var_collection("f.npz", net)', TypeError, "Pass net.vars()"),
    ('io.save_var_collection(net.vars(), "f.npz")', TypeError, "expected a file, then variables"),
    ('io.load_var_collection(net.vars(), "f.npz")', TypeError, "Write load_var_collection('f.npz', net.vars())"),
    ('io.save_var_collection("folder/f.npz", net.vars())', FileNotFoundError, "Make it first, as with os.makedirs"),
    ('io.load_var_collection("f.npz", net.vars())', FileNotFoundError, "f.npz"),
    (
        """
        np.savez("f.npz", a=np.ones(3))
        io.load_var_collection("f.npz", net.vars())
        """,
        cuobjax.io.DamagedFileError,
        "f.npz: expected variables, got a damaged file or one of another kind",
    ),
    (
        """
        np.zeros(4).tofile("f.npz")
        io.load_var_collection("f.npz", net.vars())
        """,
        cuobjax.io.DamagedFileError,
        "f.npz: expected variables, got a damaged file or one of another kind",
    ),
    (
        """
        io.save_var_collection("f.npz", net.vars())
        io.load_var_collection("f.npz", nn.Linear(3, 4).vars())
        """,
        ValueError,
        "(Linear).w: expected float32 (3, 4), got float32 (3, 2)",
    ),
    (
        """
        io.save_var_collection("f.npz", net.vars())
        io.load_var_collection("f.npz", nn.Sequential([net]).vars())
        """,
        ValueError,
        "With strict=False, what is missing keeps its value",
    ),
    ('io.save(net, "f")', AttributeError, "Write cuobjax.io.save_var_collection"),
    ('io.load("f")', AttributeError, "Write cuobjax.io.load_var_collection"),
    ('cuobjax.save(net, "f")', AttributeError, "Write cuobjax.io.save_var_collection"),
]

DEVICES = [
    ('cuobjax.device_put(x, "cuda")', cuobjax.DeviceError, "expected 'cpu', 'gpu' or 'gpu:<number>'"),
    ('with cuobjax.device("cuda"): pass', cuobjax.DeviceError, "expected 'cpu', 'gpu' or 'gpu:<number>'"),
    ('jn.zeros(3, device="gpu:99")', cuobjax.DeviceError, "'gpu:99' is not available"),
    ('x.device = "gpu"', AttributeError, "property 'device'"),
    ("cuobjax.cuda.is_available()", AttributeError, 'cuobjax.device("gpu")'),
]

SURGERY = [
    ('cuobjax.freeze(net, "w")', ValueError, "Names: (Linear).b, (Linear).w"),
    ("cuobjax.freeze(net, nn.Conv2D)", TypeError, "expected a pattern or a function"),
    ("cuobjax.freeze(net.w)", TypeError, "expected a module or VarCollection, got TrainVar"),
    ('cuobjax.replace(net, "layer", net)', ValueError, "expected a path in the module"),
    ("cuobjax.freeze(net)\nopt(0.1, [x, x])", ValueError, "Make gradient modules and optimizers after freeze()"),
    ("cuobjax.freeze(net)\ngradients(x)", ValueError, "Make gradient modules and optimizers after freeze()"),
    ("cuobjax.freeze(net)\noptimizer.SGD(net.vars())", ValueError, "unfreeze() the frozen ones"),
    ("cuobjax.split(net.vars())", TypeError, "Give a function its variables: cuobjax.Function(f, vc)"),
    ("cuobjax.functional_call(net, x)", ValueError, "functional_call: expected (Linear).b of shape (2,)"),
]

ROWS = {
    "layers": LAYERS, "modules": MODULES, "variables": VARIABLES, "modes": MODES, "random": RANDOM, "files": FILES,
    "devices": DEVICES, "surgery": SURGERY,
}  # fmt: skip
