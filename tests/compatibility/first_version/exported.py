import kernels

spec = kernels.RunSpec(
    model="lorenz63",
    event="max(x) > 0.5",
    estimator="monte_carlo",
    num_samples=16,
    num_steps=6,
    seed=5,
)
result = kernels.run(spec)
print(result.probability)
result.to_netcdf("run.nc")
