//! The machine's network: loopback, and `eth0`, whose other end is the caller's.

use super::failed::{Failed, Tried};
use crate::spec::Spec;
use futures::TryStreamExt;
use rtnetlink::{Handle, LinkUnspec, RouteMessageBuilder, new_connection};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use tun_rs::{DeviceBuilder, Layer};

/// The device that packets leave by, named as on Azure's images.
const DEVICE: &str = "eth0";

/// Sets the network up, and gives the device's other end.
pub(super) fn set_up(spec: &Spec) -> Result<OwnedFd, Failed> {
    let packets = open().tried("a network device cannot be made (/dev/net/tun)")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .tried("the network's settings")?;
    runtime
        .block_on(configure(spec))
        .tried("the network's settings")?;
    Ok(packets)
}

fn open() -> io::Result<OwnedFd> {
    let device = DeviceBuilder::new()
        .name(DEVICE)
        .layer(Layer::L3)
        .packet_information(false)
        .enable(false)
        .build_sync()?;
    let packets = device.as_fd().try_clone_to_owned()?;
    let flags = fcntl_getfl(&packets)?;
    fcntl_setfl(&packets, flags | OFlags::NONBLOCK)?;
    Ok(packets)
}

async fn configure(spec: &Spec) -> Result<(), Box<dyn std::error::Error>> {
    let (connection, handle, _) = new_connection()?;
    let connection = tokio::spawn(connection);
    let loopback = index(&handle, "lo").await?;
    let up = LinkUnspec::new_with_index(loopback).up().build();
    handle.link().set(up).execute().await?;
    let device = index(&handle, DEVICE).await?;
    let up = LinkUnspec::new_with_index(device)
        .mtu(u32::from(spec.mtu))
        .up()
        .build();
    handle.link().set(up).execute().await?;
    if let Some((address, bits)) = spec.address {
        let added = handle.address().add(device, address.into(), bits);
        added.execute().await?;
        let everything = RouteMessageBuilder::<Ipv4Addr>::new()
            .output_interface(device)
            .pref_source(address)
            .build();
        handle.route().add(everything).execute().await?;
    }
    connection.abort();
    Ok(())
}

async fn index(handle: &Handle, name: &str) -> Result<u32, Box<dyn std::error::Error>> {
    let mut found = handle.link().get().match_name(name.to_owned()).execute();
    match found.try_next().await? {
        Some(link) => Ok(link.header.index),
        None => Err(format!("there is no {name}").into()),
    }
}
