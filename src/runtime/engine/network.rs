//! Networks and volumes of an environment at the engine, and what is left of it.

use super::container::{PROJECT, is_gone, of};
use super::{Engine, reason};
use crate::base::Problem;
use crate::compose::{Network, Volume};
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters::{
    InspectNetworkOptions, ListNetworksOptions, ListVolumesOptions, RemoveVolumeOptions,
};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

impl Engine {
    /// The network's gateway addresses; it is made where it is missing, unless it is external.
    pub async fn network(
        &self,
        project: &str,
        name: &str,
        network: &Network,
    ) -> Result<Vec<IpAddr>, Problem> {
        let inspect = || self.docker.inspect_network(name, None::<InspectNetworkOptions>);
        let there = match inspect().await {
            Ok(there) => there,
            Err(error) if is_gone(&error) && !network.external => {
                self.make_network(project, name, network).await?;
                inspect().await.map_err(|error| trouble("network", name, &error))?
            }
            Err(error) => return Err(trouble("network", name, &error)),
        };
        let configs = there.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
        let gateways = configs.into_iter().filter_map(|config| config.gateway);
        // Some engines write the mask behind the address.
        let address = |text: String| text.split('/').next().and_then(|text| text.parse().ok());
        Ok(gateways.filter_map(address).collect())
    }

    async fn make_network(
        &self,
        project: &str,
        name: &str,
        network: &Network,
    ) -> Result<(), Problem> {
        let config = |(subnet, gateway): &(String, Option<String>)| IpamConfig {
            subnet: Some(subnet.clone()),
            gateway: gateway.clone(),
            ..Default::default()
        };
        let configs: Vec<IpamConfig> = network.subnets.iter().map(config).collect();
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: network.driver.clone(),
            internal: Some(network.internal),
            attachable: Some(network.attachable),
            enable_ipv6: Some(network.enable_ipv6),
            options: Some(network.driver_opts.clone().into_iter().collect()),
            labels: Some(labels(project, &network.labels)),
            ipam: (!configs.is_empty())
                .then(|| Ipam { config: Some(configs), ..Default::default() }),
            ..Default::default()
        };
        let made = self.docker.create_network(request).await;
        made.map(drop).map_err(|error| trouble("network", name, &error))
    }

    /// Makes a volume where it is missing, unless it is external.
    pub async fn volume(&self, project: &str, name: &str, volume: &Volume) -> Result<(), Problem> {
        if volume.external {
            let there = self.docker.inspect_volume(name).await;
            return there.map(drop).map_err(|error| trouble("volume", name, &error));
        }
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            driver: volume.driver.clone(),
            driver_opts: Some(volume.driver_opts.clone().into_iter().collect()),
            labels: Some(labels(project, &volume.labels)),
            ..Default::default()
        };
        let made = self.docker.create_volume(request).await;
        made.map(drop).map_err(|error| trouble("volume", name, &error))
    }

    /// Removes containers of an environment but those of the parts `kept`; the parts removed.
    pub async fn sweep(
        &self,
        project: &str,
        kept: &BTreeSet<String>,
    ) -> Result<Vec<String>, Problem> {
        let mut swept = Vec::new();
        for (id, part) in self.containers_of(project).await? {
            if !kept.contains(&part) {
                self.remove(&id).await?;
                swept.push(part);
            }
        }
        Ok(swept)
    }

    /// Removes the networks of an environment.
    pub async fn remove_networks(&self, project: &str) -> Result<(), Problem> {
        let options = ListNetworksOptions { filters: of(project) };
        let all = self.docker.list_networks(Some(options)).await;
        let all = all.map_err(|error| trouble("networks of", project, &error))?;
        for name in all.into_iter().filter_map(|network| network.name) {
            match self.docker.remove_network(&name).await {
                Err(error) if !is_gone(&error) => return Err(trouble("network", &name, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the volumes of an environment.
    pub async fn remove_volumes(&self, project: &str) -> Result<(), Problem> {
        let options = ListVolumesOptions { filters: of(project) };
        let all = self.docker.list_volumes(Some(options)).await;
        let all = all.map_err(|error| trouble("volumes of", project, &error))?;
        for volume in all.volumes.unwrap_or_default() {
            self.remove_volume(&volume.name).await?;
        }
        Ok(())
    }

    /// Removes one volume; one that is gone is gone.
    pub async fn remove_volume(&self, name: &str) -> Result<(), Problem> {
        let options = Some(RemoveVolumeOptions { force: true });
        match self.docker.remove_volume(name, options).await {
            Err(error) if !is_gone(&error) => Err(trouble("volume", name, &error)),
            _ => Ok(()),
        }
    }
}

fn labels(
    project: &str,
    own: &std::collections::BTreeMap<String, String>,
) -> HashMap<String, String> {
    let mut all: HashMap<String, String> = own.clone().into_iter().collect();
    all.insert(PROJECT.to_owned(), project.to_owned());
    all
}

fn trouble(what: &str, name: &str, error: &bollard::errors::Error) -> Problem {
    Problem::failed("engine", format!("the {what} `{name}`: {}", reason(error))).retryable()
}
