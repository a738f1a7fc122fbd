//! Gives the shared library its name for the dynamic linker: a Rust cdylib has none unless the linker is told.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        // The number is that of the ABI (src/version.rs, ESKER_ABI_VERSION), never of the release: a program linked today
        // goes on working with every later libesker.so.0.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libesker.so.0");
        // dlclose must not unmap code that a background thread or a thread's destructors are about to run.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
