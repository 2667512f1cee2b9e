// peer_torch.cpp - the workloads of small ops in PyTorch's C++ frontend, timed as tg-bench does: what an op costs there without Python.
//
//   peer_torch NAME [THREADS]    W3_xor, W8_tiny_fwd or W8_tiny; one line of JSON (1 thread)
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

using torch::Tensor;
using step_function = std::function<void()>;

static step_function make_xor()
{
    torch::nn::Sequential net(torch::nn::Linear(2, 3), torch::nn::Sigmoid(), torch::nn::Linear(3, 1), torch::nn::Sigmoid());
    Tensor                x = torch::tensor({{0.f, 0.f}, {0.f, 1.f}, {1.f, 0.f}, {1.f, 1.f}});
    Tensor                y = torch::tensor({{0.f}, {1.f}, {1.f}, {0.f}});
    auto                  parameters = net->parameters();
    auto                  optimizer = std::make_shared<torch::optim::SGD>(parameters, torch::optim::SGDOptions(0.01));
    return [=]() mutable {
        for (auto &p : parameters) p.mutable_grad().reset();
        torch::mse_loss(net->forward(x), y).backward();
        optimizer->step();
    };
}

static step_function make_tiny(bool backward)
{
    const auto leaf = [](float v) { return torch::full({1}, v, torch::requires_grad()); };
    Tensor     x = leaf(0.5f), a = leaf(0.999f), b = leaf(0.001f);
    return [=]() mutable {
        for (Tensor *t : {&x, &a, &b}) t->mutable_grad().reset();
        Tensor y = x;
        for (int i = 0; i < 1000; i++) y = y * a + b;
        if (backward) y.backward();
    };
}

static double now()
{
    const char *clock = std::getenv("BENCH_CLOCK");
    timespec    t;
    clock_gettime(clock && std::string(clock) == "cpu" ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

static double peak_mb()
{
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (word == "VmHWM:") {
            double kb = 0;
            status >> kb;
            return kb / 1024;
        }
    return 0;
}

static double setting(const char *name, double usual)
{
    const char *text = std::getenv(name);
    return text ? std::atof(text) : usual;
}

static double take(const step_function &step, long n)
{
    const double start = now();
    for (long i = 0; i < n; i++) step();
    return now() - start;
}

int main(int argc, char **argv)
{
    const std::string name = argc > 1 ? argv[1] : "";
    const int         threads = argc > 2 ? std::atoi(argv[2]) : 1;
    const int         repeats = std::max(1, int(setting("BENCH_REPEATS", 5)));
    const double      seconds = setting("BENCH_SECONDS", 1), base = peak_mb();
    torch::set_num_threads(threads);
    torch::manual_seed(1);

    step_function step;
    if (name == "W3_xor") step = make_xor();
    else if (name == "W8_tiny_fwd" || name == "W8_tiny") step = make_tiny(name == "W8_tiny");
    else {
        std::fprintf(stderr, "usage: peer_torch W3_xor|W8_tiny_fwd|W8_tiny [THREADS]\n");
        return 2;
    }

    take(step, 20);
    long   n = 1;
    double taken = take(step, n);
    while (taken < seconds / 4) taken = take(step, n *= 2);
    n = long(double(n) * seconds / taken) + 1;
    std::vector<double> us;
    for (int r = 0; r < repeats; r++) us.push_back(1e6 * take(step, n) / double(n));
    std::sort(us.begin(), us.end());
    std::printf("{\"peer\": \"torch-c++\", \"workload\": \"%s\", \"threads\": %d, \"us_per_step_min\": %.3f, \"us_per_step_median\": %.3f, "
                "\"peak_rss_mb\": %.1f, \"base_rss_mb\": %.1f, \"steps\": %ld, \"version\": \"%d.%d.%d\"}\n",
                name.c_str(), threads, us[0], us[us.size() / 2], peak_mb(), base, n, TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR,
                TORCH_VERSION_PATCH);
}
