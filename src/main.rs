//! Arguments in, exit code out.

/// The system's allocator costs a request a fifth of its time; huge pages would double the memory at rest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    // Before any second thread: this may be a child on its way into a user namespace.
    if let Some(code) = devenv::runtime::reexec_main(&args) {
        return code;
    }
    devenv::cli::run(args)
}
